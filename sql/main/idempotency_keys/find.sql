-- Find what earlier requests under these keys were answered. Run it after the locks are held: an earlier answer wins over any refusal.
--
-- $1 user_ids  bigint[]  users.id, one for each key
-- $2 keys      text[]    Idempotency-Key
--
-- Returns  user_id bigint, key text, request_hash bytea, kind text, resource_id bigint, shown_account_ids bigint[], answer json;
--          one row for each key that is taken, in no order
-- Index    idempotency_keys_pkey
-- Locks    idempotency_keys AccessShareLock
SELECT /* main/idempotency_keys/find */
    taken.user_id, taken.key, taken.request_hash, taken.kind, taken.resource_id, taken.shown_account_ids, taken.answer
FROM unnest($1::bigint[], $2::text[]) AS asked (user_id, key)
JOIN idempotency_keys AS taken
    ON taken.user_id = asked.user_id
    AND taken.key = asked.key;
