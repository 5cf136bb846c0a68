-- Revoke one key of a user.
--
-- $1 user_id  bigint  users.id
-- $2 id       bigint  api_keys.id
--
-- Returns  id bigint;
--          one row; none if the key is another user's or already revoked
-- Index    api_keys_pkey
-- Locks    api_keys RowExclusiveLock
UPDATE /* main/api_keys/revoke */ api_keys
SET revoked_at = statement_timestamp()
WHERE id = $2::bigint
    AND user_id = $1::bigint
    AND revoked_at IS NULL
RETURNING id;
