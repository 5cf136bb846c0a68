-- Lock a user who has not left. Run it before locking the user's accounts.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          at most one row
-- Index    users_pkey
-- Locks    users RowShareLock; its row FOR NO KEY UPDATE
SELECT /* main/users/lock */ id, username, email, role, version, created_at
FROM users
WHERE id = $1::bigint
    AND deleted_at IS NULL
FOR NO KEY UPDATE;
