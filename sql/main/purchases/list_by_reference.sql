-- List the purchases with a reference, by any buyer, newest first, for operators.
--
-- $1 reference    text
-- $2 status       text         null: any status
-- $3 before_time  timestamptz  keyset: purchases.created_at of the last row seen
-- $4 before_id    bigint       keyset: purchases.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          a page of rows
-- Index    purchases_reference_idx, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
SELECT /* main/purchases/list_by_reference */
    id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id, seller_id, status,
    reason, transfer_id, finished, created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM purchase_details
WHERE reference = $1::text
    AND ($2::text IS NULL OR status = $2::text)
    AND (created_at, id) < ($3::timestamptz, $4::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $5::bigint;
