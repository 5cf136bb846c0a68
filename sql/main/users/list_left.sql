-- List users that left a while ago and have products to archive.
--
-- $1 age    bigint  seconds since they left, at least
-- $2 limit  bigint  rows at most
--
-- Returns  id bigint;
--          a page of rows, by the time of leaving
-- Index    users_left_idx
-- Locks    users AccessShareLock
SELECT /* main/users/list_left */ id
FROM users
WHERE deleted_at <= (SELECT clock_timestamp()) - make_interval(secs => $1::bigint)
    AND deleted_at IS NOT NULL
    AND NOT off_sale
ORDER BY deleted_at
LIMIT $2::bigint;
