-- List the purchases that exist among these.
--
-- $1 ids  bigint[]  purchases.id
--
-- Returns  id bigint;
--          one row for each purchase that exists, by id
-- Index    purchases_pkey
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/known */ id
FROM purchases
WHERE id = ANY($1::bigint[])
ORDER BY id;
