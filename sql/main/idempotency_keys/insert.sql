-- Keep answers under their keys, in key order. A key that is taken is decided by idempotency_keys_pkey.
--
-- $1 user_ids        bigint[]  users.id
-- $2 keys            text[]    Idempotency-Key
-- $3 request_hashes  bytea[]   SHA-256 of the request
-- $4 kinds           text[]    what was made, or refusal
-- $5 resource_ids    bigint[]  its id; null for a refusal
-- $6 answers         text[]    the answer as JSON
--
-- Returns  none
-- Index    none
-- Locks    users RowShareLock; its rows FOR KEY SHARE; idempotency_keys RowExclusiveLock
INSERT /* main/idempotency_keys/insert */ INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, answer)
SELECT answered.user_id, answered.key, answered.request_hash, answered.kind, answered.resource_id, answered.answer::json
FROM
    unnest(
        $1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::text[]
    ) AS answered (user_id, key, request_hash, kind, resource_id, answer)
ORDER BY answered.user_id, answered.key;
