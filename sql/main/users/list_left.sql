-- List users who left a while ago and whose products are still to be taken off sale.
--
-- $1 age    bigint  seconds since they left, at the least
-- $2 limit  bigint  rows at the most
--
-- Returns  id bigint;
--          a page of rows, those who left first first
-- Index    users_left_idx
-- Locks    users AccessShareLock
SELECT /* main/users/list_left */ id
FROM users
WHERE deleted_at <= (SELECT clock_timestamp()) - make_interval(secs => $1::bigint)
    AND deleted_at IS NOT NULL
    AND NOT off_sale
ORDER BY deleted_at
LIMIT $2::bigint;
