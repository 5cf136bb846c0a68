-- Lock a hold, after its accounts.
--
-- $1 id  bigint  holds.id
--
-- Returns  none
-- Index    holds_pkey
-- Locks    holds RowShareLock; its row FOR NO KEY UPDATE
SELECT /* main/holds/lock */
FROM holds
WHERE id = $1::bigint
FOR NO KEY UPDATE;
