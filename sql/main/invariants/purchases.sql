-- Purchases whose money contradicts their status: paid by no transfer or a wrong one (other amount, accounts or user; a
-- reversal or a capture), or refunded although not all of it was paid back, or the reverse.
--
-- $1 after  bigint  purchases.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  purchase_id bigint, status text, amount bigint, transfer_id bigint, paid_amount bigint, refunded_amount numeric;
--          no row if all is well
-- Index    purchases_pkey, transfers_pkey, transfers_reverses_id_idx
-- Locks    purchases, transfers AccessShareLock
SELECT /* main/invariants/purchases */
    purchases.id AS purchase_id, purchases.status, purchases.amount, paid.id AS transfer_id,
    paid.amount AS paid_amount, refund.amount AS refunded_amount
FROM purchases
LEFT JOIN transfers AS paid ON paid.id = purchases.transfer_id
LEFT JOIN LATERAL (
    SELECT coalesce(sum(transfers.amount), 0) AS amount
    FROM transfers
    WHERE transfers.reverses_id = paid.id
) AS refund ON TRUE
WHERE purchases.id > coalesce($1::bigint, 0)
    AND purchases.id <= coalesce($2::bigint, 9223372036854775807)
    AND (
        (purchases.status IN ('completed', 'refunded')) <> (paid.id IS NOT NULL)
        OR (purchases.status = 'refunded') <> (refund.amount = paid.amount)
        OR paid.amount <> purchases.amount
        OR paid.from_account_id <> purchases.account_id
        OR paid.to_account_id <> purchases.payee_account_id
        OR paid.created_by <> purchases.buyer_id
        OR paid.reverses_id IS NOT NULL
        OR paid.hold_id IS NOT NULL
    )
ORDER BY purchases.id
LIMIT $3::bigint;
