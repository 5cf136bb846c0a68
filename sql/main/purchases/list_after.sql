-- List purchases that were decided a while ago or are unfinished, by page, to compare the two databases.
--
-- $1 after_id  bigint  purchases.id of the last row seen
-- $2 age       bigint  seconds since the decision, at least
-- $3 limit     bigint  rows at most
--
-- Returns  id bigint, product_id bigint, quantity bigint, status text, finished boolean;
--          a page of rows, by id
-- Index    purchases_pkey
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/list_after */ id, product_id, quantity, status, finished
FROM purchases
WHERE id > $1::bigint
    AND (NOT finished OR decided_at <= (SELECT clock_timestamp()) - make_interval(secs => $2::bigint))
ORDER BY id
LIMIT $3::bigint;
