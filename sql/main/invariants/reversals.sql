-- Reversals that differ from their original, apart from the opposite direction and a later time.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, reverses_id bigint;
--          no row if all is well
-- Index    transfers_pkey
-- Locks    transfers AccessShareLock
SELECT /* main/invariants/reversals */ reversal.id AS transfer_id, reversal.reverses_id
FROM transfers AS reversal
JOIN transfers AS original ON original.id = reversal.reverses_id
WHERE reversal.from_account_id <> original.to_account_id
    OR reversal.to_account_id <> original.from_account_id
    OR reversal.amount <> original.amount
    OR reversal.created_at < original.created_at
ORDER BY reversal.id
LIMIT $1::bigint;
