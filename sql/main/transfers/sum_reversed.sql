-- Add up how much of a transfer was reversed. Its accounts are locked by this unit of work, so that the sum is final.
--
-- $1 id  bigint  transfers.id
--
-- Returns  amount bigint;
--          one row; 0 if nothing was reversed
-- Index    transfers_reverses_id_idx
-- Locks    transfers AccessShareLock
SELECT /* main/transfers/sum_reversed */ coalesce(sum(amount), 0)::bigint AS amount
FROM transfers
WHERE reverses_id = $1::bigint;
