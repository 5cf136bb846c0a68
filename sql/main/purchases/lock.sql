-- Lock a purchase that this unit of work will decide or refund, after locking its accounts.
--
-- $1 id  bigint  purchases.id
--
-- Returns  id bigint;
--          at most one row
-- Index    purchases_pkey
-- Locks    purchases RowShareLock; its row FOR NO KEY UPDATE
SELECT /* main/purchases/lock */ id
FROM purchases
WHERE id = $1::bigint
FOR NO KEY UPDATE;
