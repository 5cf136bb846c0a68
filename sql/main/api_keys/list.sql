-- List a user's keys that are not revoked, newest first.
--
-- $1 user_id      bigint       users.id
-- $2 before_time  timestamptz  keyset: api_keys.created_at of the last row seen
-- $3 before_id    bigint       keyset: api_keys.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, name text, read_only boolean, created_at timestamptz, expires_at timestamptz, issued_by bigint;
--          a page of rows
-- Index    api_keys_user_id_idx
-- Locks    api_keys AccessShareLock
SELECT /* main/api_keys/list */ id, name, read_only, created_at, expires_at, issued_by
FROM api_keys
WHERE user_id = $1::bigint
    AND revoked_at IS NULL
    AND (created_at, id) < ($2::timestamptz, $3::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint;
