-- Store the answers to gathered requests, in the order of the keys. The constraint idempotency_keys_pkey refuses a key
-- that is taken.
--
-- $1 user_ids           bigint[]  users.id
-- $2 keys               text[]    Idempotency-Key, each of the user at its place in $1
-- $3 request_hashes     bytea[]   SHA-256 of the request
-- $4 kinds              text[]    kind of resource, or refusal
-- $5 resource_ids       bigint[]  its id; null: a refusal
-- $6 shown_account_ids  text[]    accounts.id whose balances a transfer's answer shows, as {1,2}; null: no transfer
-- $7 answers            text[]    the answer as JSON; null: a transfer
--
-- Returns  none
-- Index    none
-- Locks    users RowShareLock; its rows FOR KEY SHARE; idempotency_keys RowExclusiveLock
INSERT /* main/idempotency_keys/insert_many */ INTO idempotency_keys (
    user_id, key, request_hash, kind, resource_id, shown_account_ids, answer
)
SELECT user_id, key, request_hash, kind, resource_id, shown_account_ids::bigint[], answer::json
FROM
    unnest(
        $1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::text[], $7::text[]
    ) AS asked (user_id, key, request_hash, kind, resource_id, shown_account_ids, answer)
ORDER BY user_id, key;
