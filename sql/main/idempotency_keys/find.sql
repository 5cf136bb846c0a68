-- Find the stored answer under a key. Run it after the locks are held: an earlier answer wins over any refusal.
--
-- $1 user_id  bigint  users.id
-- $2 key      text    Idempotency-Key
--
-- Returns  request_hash bytea, kind text, resource_id bigint, shown_account_ids bigint[], answer json;
--          at most one row
-- Index    idempotency_keys_pkey
-- Locks    idempotency_keys AccessShareLock
SELECT /* main/idempotency_keys/find */
    request_hash, kind, resource_id, shown_account_ids, answer
FROM idempotency_keys
WHERE user_id = $1::bigint
    AND key = $2::text;
