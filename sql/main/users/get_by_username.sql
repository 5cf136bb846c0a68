-- Read a user by username.
--
-- $1 username_key  text  folded
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row; none if there is no such user or the user has left
-- Index    users_username_key
-- Locks    users AccessShareLock
SELECT /* main/users/get_by_username */ id, username, email, role, version, created_at
FROM users
WHERE username_key = $1::text
    AND deleted_at IS NULL;
