-- Read a user.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users AccessShareLock
SELECT /* main/users/get */ id, username, email, role, version, created_at
FROM users
WHERE id = $1::bigint
    AND deleted_at IS NULL;
