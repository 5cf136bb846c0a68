-- Prevent a user from leaving until this unit of work ends. Run it before locking accounts.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users RowShareLock; its row FOR SHARE
SELECT /* main/users/keep */ id
FROM users
WHERE id = $1::bigint
    AND deleted_at IS NULL
FOR SHARE;
