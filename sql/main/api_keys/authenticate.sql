-- Find the user of an API key that is neither revoked nor expired.
--
-- $1 digest  bytea  SHA-256 of the key
--
-- Returns  user_id bigint, role text, read_only boolean, expires_at timestamptz;
--          at most one row
-- Index    api_keys_digest_key, users_pkey
-- Locks    api_keys, users AccessShareLock
SELECT /* main/api_keys/authenticate */ users.id AS user_id, users.role, api_keys.read_only, api_keys.expires_at
FROM api_keys
JOIN users ON users.id = api_keys.user_id
WHERE api_keys.digest = $1::bytea
    AND api_keys.revoked_at IS NULL
    AND (api_keys.expires_at IS NULL OR api_keys.expires_at > clock_timestamp());
