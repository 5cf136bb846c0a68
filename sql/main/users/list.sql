-- List users, newest first, without those that have left.
--
-- $1 before_time  timestamptz  keyset: users.created_at of the last row seen
-- $2 before_id    bigint       keyset: users.id of that row
-- $3 limit        bigint       rows at most
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          a page of rows
-- Index    users_created_at_idx
-- Locks    users AccessShareLock
SELECT /* main/users/list */ id, username, email, role, version, created_at
FROM users
WHERE deleted_at IS NULL
    AND (created_at, id) < ($1::timestamptz, $2::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $3::bigint;
