-- Reversals of a missing transfer, or that contradict it: not in the opposite direction, earlier, or together of more than
-- its amount.
--
-- $1 after  bigint  transfers.id of the reversal after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, reverses_id bigint;
--          no row if all is well
-- Index    transfers_pkey, transfers_reverses_id_idx
-- Locks    transfers AccessShareLock
SELECT /* main/invariants/reversals */ reversal.id AS transfer_id, reversal.reverses_id
FROM transfers AS reversal
LEFT JOIN transfers AS original ON original.id = reversal.reverses_id
WHERE reversal.id > coalesce($1::bigint, 0)
    AND reversal.id <= coalesce($2::bigint, 9223372036854775807)
    AND reversal.reverses_id IS NOT NULL
    AND (
        original.id IS NULL
        OR reversal.from_account_id <> original.to_account_id
        OR reversal.to_account_id <> original.from_account_id
        OR original.amount < (
            SELECT sum(every.amount)
            FROM transfers AS every
            WHERE every.reverses_id = reversal.reverses_id
        )
        OR reversal.created_at < original.created_at
    )
ORDER BY reversal.id
LIMIT $3::bigint;
