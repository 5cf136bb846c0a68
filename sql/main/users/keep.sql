-- Keep a user from leaving until this unit of work is done; before any account is locked.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint;
--          one row where the user has not left
-- Index    users_pkey
-- Locks    users RowShareLock; its row FOR SHARE
SELECT /* main/users/keep */ id
FROM users
WHERE id = $1::bigint
    AND deleted_at IS NULL
FOR SHARE;
