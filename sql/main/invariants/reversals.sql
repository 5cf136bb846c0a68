-- Reversals of a missing transfer, or that differ from it: not in the opposite direction, earlier, or together not of the
-- same amount.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, reverses_id bigint;
--          no row if all is well
-- Index    transfers_reverses_id_key, transfers_pkey
-- Locks    transfers AccessShareLock
SELECT /* main/invariants/reversals */ reversal.id AS transfer_id, reversal.reverses_id
FROM (
    SELECT
        id, reverses_id, from_account_id, to_account_id, created_at,
        sum(amount) OVER (PARTITION BY reverses_id) AS amount
    FROM transfers
    WHERE reverses_id IS NOT NULL
) AS reversal
LEFT JOIN transfers AS original ON original.id = reversal.reverses_id
WHERE original.id IS NULL
    OR reversal.from_account_id <> original.to_account_id
    OR reversal.to_account_id <> original.from_account_id
    OR reversal.amount <> original.amount
    OR reversal.created_at < original.created_at
ORDER BY reversal.id
LIMIT $1::bigint;
