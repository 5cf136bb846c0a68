-- Find an API key by its digest.
--
-- $1 digest  bytea  SHA-256 of the key
--
-- Returns  id bigint, name text, read_only boolean, created_at timestamptz, expires_at timestamptz, issued_by bigint;
--          at most one row
-- Index    api_keys_digest_key
-- Locks    api_keys AccessShareLock
SELECT /* main/api_keys/find */ id, name, read_only, created_at, expires_at, issued_by
FROM api_keys
WHERE digest = $1::bytea;
