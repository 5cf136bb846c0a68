-- List the purchases of a buyer with a reference, newest first.
--
-- $1 buyer_id     bigint       users.id
-- $2 reference    text
-- $3 status       text         null: any status
-- $4 before_time  timestamptz  keyset: purchases.created_at of the last row seen
-- $5 before_id    bigint       keyset: purchases.id of that row
-- $6 limit        bigint       rows at most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          a page of rows
-- Index    purchases_reference_by_idx, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
SELECT /* main/purchases/list_by_writer */
    id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id, seller_id, status,
    reason, transfer_id, finished, created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM purchase_details
WHERE buyer_id = $1::bigint
    AND reference = $2::text
    AND ($3::text IS NULL OR status = $3::text)
    AND (created_at, id) < ($4::timestamptz, $5::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $6::bigint;
