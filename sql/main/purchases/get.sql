-- Read a purchase.
--
-- $1 id  bigint  purchases.id
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json;
--          at most one row
-- Index    purchases_pkey, accounts_pkey
-- Locks    purchases, accounts AccessShareLock
SELECT /* main/purchases/get */
    id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id, seller_id, status,
    reason, transfer_id, finished, created_at, reference, metadata
FROM purchase_details
WHERE id = $1::bigint;
