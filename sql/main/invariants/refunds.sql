-- Refunds that are no reversal of their purchase's payment, or that together return more than the purchase's quantity.
--
-- $1 after  bigint  refunds.transfer_id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, purchase_id bigint, quantity bigint;
--          no row if all is well
-- Index    refunds_pkey, transfers_pkey, purchases_pkey, transfers_reverses_id_idx
-- Locks    refunds, transfers, purchases AccessShareLock
SELECT /* main/invariants/refunds */ refunds.transfer_id, refunds.purchase_id, refunds.quantity
FROM refunds
LEFT JOIN transfers ON transfers.id = refunds.transfer_id
LEFT JOIN purchases ON purchases.id = refunds.purchase_id
WHERE refunds.transfer_id > coalesce($1::bigint, 0)
    AND refunds.transfer_id <= coalesce($2::bigint, 9223372036854775807)
    AND (
        transfers.reverses_id IS NULL
        OR purchases.transfer_id IS NULL
        OR transfers.reverses_id <> purchases.transfer_id
        OR purchases.quantity < (
            SELECT sum(every.quantity)
            FROM transfers AS reversal
            JOIN refunds AS every ON every.transfer_id = reversal.id
            WHERE reversal.reverses_id = purchases.transfer_id
        )
    )
ORDER BY refunds.transfer_id
LIMIT $3::bigint;
