-- Issue an API key, unless its user has left.
--
-- $1 user_id     bigint       users.id
-- $2 name        text
-- $3 digest      bytea        SHA-256 of the key
-- $4 read_only   boolean
-- $5 expires_at  timestamptz  null: never
--
-- Returns  id bigint, name text, read_only boolean, created_at timestamptz, expires_at timestamptz;
--          one row; none if the user has left
-- Index    users_pkey
-- Locks    users RowShareLock; its row FOR SHARE; api_keys RowExclusiveLock
INSERT /* main/api_keys/insert */ INTO api_keys (user_id, name, digest, read_only, expires_at)
SELECT users.id, $2::text, $3::bytea, $4::boolean, $5::timestamptz
FROM users
WHERE users.id = $1::bigint
    AND users.deleted_at IS NULL
FOR SHARE
RETURNING id, name, read_only, created_at, expires_at;
