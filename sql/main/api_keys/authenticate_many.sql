-- Find the users of API keys that are neither revoked nor expired, for requests that share one look-up.
--
-- $1 digests  bytea[]  SHA-256 of the keys
--
-- Returns  digest bytea, user_id bigint, role text, read_only boolean, expires_at timestamptz;
--          at most one row for each key
-- Index    api_keys_digest_key, users_pkey
-- Locks    api_keys, users AccessShareLock
SELECT /* main/api_keys/authenticate_many */
    api_keys.digest, users.id AS user_id, users.role, api_keys.read_only, api_keys.expires_at
FROM api_keys
JOIN users ON users.id = api_keys.user_id
WHERE api_keys.digest = ANY($1::bytea[])
    AND api_keys.revoked_at IS NULL
    AND (api_keys.expires_at IS NULL OR api_keys.expires_at > clock_timestamp());
