-- Read a user who has not left, by name.
--
-- $1 username_key  text  folded
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          at most one row
-- Index    users_username_key
-- Locks    users AccessShareLock
SELECT /* main/users/get_by_username */ id, username, email, role, version, created_at
FROM users
WHERE username_key = $1::text
    AND deleted_at IS NULL;
