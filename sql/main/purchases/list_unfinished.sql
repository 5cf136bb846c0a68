-- List unfinished purchases, oldest first.
--
-- $1 limit  bigint  rows at most
--
-- Returns  id bigint, status text, since timestamptz;
--          a page of rows; since: time of the decision, or of the start if it is pending
-- Index    purchases_unfinished_idx
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/list_unfinished */ id, status, coalesce(decided_at, created_at) AS since
FROM purchases
WHERE NOT finished
ORDER BY since, id
LIMIT $1::bigint;
