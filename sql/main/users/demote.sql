-- Make an operator a member again.
--
-- $1 id  bigint  users.id
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users RowExclusiveLock
UPDATE /* main/users/demote */ users
SET
    role = 'member',
    version = version + 1
WHERE id = $1::bigint
    AND deleted_at IS NULL
RETURNING id, username, email, role, version, created_at;
