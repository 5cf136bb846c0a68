-- Idempotency keys of a missing user; keys that name no account, hold or purchase, or one that their user never ordered,
-- captured, released or refunded; keys of another author's post; keys without the answer that they stand for. A post may
-- have been deleted.
--
-- $1 after  timestamptz  idempotency_keys.created_at after this time; null: from the first
-- $2 until  timestamptz  up to and including this time; null: to the last
-- $3 limit  bigint       rows at most
--
-- Returns  user_id bigint, key text, kind text, resource_id bigint;
--          no row if all is well
-- Index    idempotency_keys_created_at_idx, users_pkey, accounts_pkey, holds_pkey, purchases_pkey, posts_pkey
-- Locks    idempotency_keys, users, accounts, holds, purchases, posts AccessShareLock
WITH /* main/invariants/keys */ kept AS MATERIALIZED (
    SELECT user_id, key, kind, resource_id, answer IS NULL AS unanswered
    FROM idempotency_keys
    WHERE created_at > coalesce($1::timestamptz, '-infinity')
        AND created_at <= coalesce($2::timestamptz, 'infinity')
)
SELECT kept.user_id, kept.key, kept.kind, kept.resource_id
FROM kept
LEFT JOIN users ON users.id = kept.user_id
LEFT JOIN accounts ON accounts.id = kept.resource_id AND kept.kind = 'account'
LEFT JOIN holds ON holds.id = kept.resource_id AND kept.kind = 'hold'
LEFT JOIN purchases ON purchases.id = kept.resource_id AND kept.kind = 'purchase'
LEFT JOIN posts ON posts.id = kept.resource_id AND kept.kind = 'post'
WHERE users.id IS NULL
    OR (kept.kind = 'account' AND accounts.id IS NULL)
    OR (kept.kind = 'hold' AND holds.id IS NULL)
    OR (kept.kind = 'purchase' AND purchases.id IS NULL)
    OR (holds.created_by <> kept.user_id AND holds.status NOT IN ('captured', 'released'))
    OR (purchases.buyer_id <> kept.user_id AND purchases.status NOT IN ('completed', 'refunded'))
    OR (kept.kind = 'post' AND kept.resource_id IS NULL)
    OR posts.author_id <> kept.user_id
    OR (kept.kind IN ('refusal', 'batch', 'product') AND kept.unanswered)
ORDER BY kept.user_id, kept.key
LIMIT $3::bigint;
