-- Issue an API key, unless its user has left or has as many keys as allowed that are not revoked. The count ends there.
--
-- $1 user_id     bigint       users.id
-- $2 name        text
-- $3 digest      bytea        SHA-256 of the key
-- $4 read_only   boolean
-- $5 expires_at  timestamptz  null: never
-- $6 issued_by   bigint       users.id; null: the command line
-- $7 quota       bigint       most keys of a user; null: no limit
--
-- Returns  id bigint, name text, read_only boolean, created_at timestamptz, expires_at timestamptz, issued_by bigint;
--          one row; none if the user has left or has no room
-- Index    users_pkey, api_keys_user_id_idx
-- Locks    users RowShareLock; its row FOR SHARE; api_keys AccessShareLock, RowExclusiveLock
WITH /* main/api_keys/insert */ bearer AS MATERIALIZED (
    SELECT id
    FROM users
    WHERE id = $1::bigint
        AND deleted_at IS NULL
        AND (
            $7::bigint IS NULL
            OR (
                SELECT count(*)
                FROM (
                    SELECT id
                    FROM api_keys
                    WHERE user_id = $1::bigint
                        AND revoked_at IS NULL
                    ORDER BY created_at
                    LIMIT $7::bigint
                ) AS issued
            ) < $7::bigint
        )
    FOR SHARE
)
INSERT INTO api_keys (user_id, name, digest, read_only, expires_at, issued_by)
SELECT bearer.id, $2::text, $3::bytea, $4::boolean, $5::timestamptz, $6::bigint
FROM bearer
RETURNING id, name, read_only, created_at, expires_at, issued_by;
