-- Revoke all keys of a user.
--
-- $1 user_id  bigint  users.id
--
-- Returns  id bigint, read_only boolean, expires_at timestamptz;
--          one row for each key that was not revoked before
-- Index    api_keys_user_id_idx
-- Locks    api_keys RowExclusiveLock
UPDATE /* main/api_keys/revoke_all */ api_keys
SET revoked_at = statement_timestamp()
WHERE user_id = $1::bigint
    AND revoked_at IS NULL
RETURNING id, read_only, expires_at;
