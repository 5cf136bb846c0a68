-- Store the answer to a keyed request. The constraint idempotency_keys_pkey refuses a key that is taken.
--
-- $1 user_id       bigint  users.id
-- $2 key           text    Idempotency-Key
-- $3 request_hash  bytea   SHA-256 of the request
-- $4 kind          text    kind of resource, or refusal
-- $5 resource_id   bigint  its id; null: a refusal
-- $6 answer        text    the answer as JSON
--
-- Returns  none
-- Index    none
-- Locks    users RowShareLock; its row FOR KEY SHARE; idempotency_keys RowExclusiveLock
INSERT /* main/idempotency_keys/insert */ INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, answer)
VALUES ($1::bigint, $2::text, $3::bytea, $4::text, $5::bigint, $6::text::json);
