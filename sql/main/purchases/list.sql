-- List all purchases, newest first.
--
-- $1 status       text         null: any status
-- $2 before_time  timestamptz  keyset: purchases.created_at of the last row seen
-- $3 before_id    bigint       keyset: purchases.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          a page of rows
-- Index    purchases_created_at_idx, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
SELECT /* main/purchases/list */
    id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id, seller_id, status,
    reason, transfer_id, finished, created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM purchase_details
WHERE ($1::text IS NULL OR status = $1::text)
    AND (created_at, id) < ($2::timestamptz, $3::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint;
