-- Read a purchase.
--
-- $1 id  bigint  purchases.id
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          at most one row
-- Index    purchases_pkey, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
SELECT /* main/purchases/get */
    id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id, seller_id, status,
    reason, transfer_id, finished, created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM purchase_details
WHERE id = $1::bigint;
