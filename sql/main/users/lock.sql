-- Lock a user. Run it before locking the user's accounts.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users RowShareLock; its row FOR NO KEY UPDATE
SELECT /* main/users/lock */ id, username, email, role, version, created_at
FROM users
WHERE id = $1::bigint
    AND deleted_at IS NULL
FOR NO KEY UPDATE;
