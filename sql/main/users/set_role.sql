-- Make a user an operator, or an operator a member.
--
-- $1 id    bigint  users.id
-- $2 role  text    users.role
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users RowShareLock, RowExclusiveLock; changes AccessShareLock, RowExclusiveLock
UPDATE /* main/users/set_role */ users
SET
    role = $2::text,
    version = version + 1
WHERE id = $1::bigint
    AND deleted_at IS NULL
RETURNING id, username, email, role, version, created_at;
