-- Find the transfer that reverses another.
--
-- $1 reverses_id  bigint  transfers.id
--
-- Returns  id bigint;
--          at most one row
-- Index    transfers_reverses_id_key
-- Locks    transfers AccessShareLock
SELECT /* main/transfers/find_reversal */ id
FROM transfers
WHERE reverses_id = $1::bigint;
