-- Find the stored answers under the keys of gathered requests. Run it after the locks are held, as find.
--
-- $1 user_ids  bigint[]  users.id
-- $2 keys      text[]    Idempotency-Key, each of the user at its place in $1
--
-- Returns  user_id bigint, key text, request_hash bytea, kind text, resource_id bigint, shown_account_ids bigint[], answer json;
--          at most one row for each key
-- Index    idempotency_keys_pkey
-- Locks    idempotency_keys AccessShareLock
SELECT /* main/idempotency_keys/find_many */
    stored.user_id, stored.key, stored.request_hash, stored.kind, stored.resource_id, stored.shown_account_ids,
    stored.answer
FROM unnest($1::bigint[], $2::text[]) AS asked (user_id, key)
JOIN idempotency_keys AS stored ON stored.user_id = asked.user_id AND stored.key = asked.key;
