-- List purchases that are not at their end, the longest waiting first.
--
-- $1 limit  bigint  rows at the most
--
-- Returns  id bigint, status text, since timestamptz;
--          a page of rows; since the decision, or where it is pending since it began
-- Index    purchases_unfinished_idx
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/list_unfinished */ id, status, coalesce(decided_at, created_at) AS since
FROM purchases
WHERE NOT finished
ORDER BY since, id
LIMIT $1::bigint;
