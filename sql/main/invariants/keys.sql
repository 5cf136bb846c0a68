-- Idempotency keys that name no account, hold or purchase, or one that their user never ordered, captured, released or
-- refunded; keys of another author's post; keys without the answer that they stand for. A post may have been deleted.
--
-- $1 limit  bigint  rows at most
--
-- Returns  user_id bigint, key text, kind text, resource_id bigint;
--          no row if all is well
-- Index    idempotency_keys_pkey, accounts_pkey, holds_pkey, purchases_pkey, posts_pkey
-- Locks    idempotency_keys, accounts, holds, purchases, posts AccessShareLock
SELECT /* main/invariants/keys */
    idempotency_keys.user_id, idempotency_keys.key, idempotency_keys.kind, idempotency_keys.resource_id
FROM idempotency_keys
LEFT JOIN accounts ON accounts.id = idempotency_keys.resource_id AND idempotency_keys.kind = 'account'
LEFT JOIN holds ON holds.id = idempotency_keys.resource_id AND idempotency_keys.kind = 'hold'
LEFT JOIN purchases ON purchases.id = idempotency_keys.resource_id AND idempotency_keys.kind = 'purchase'
LEFT JOIN posts ON posts.id = idempotency_keys.resource_id AND idempotency_keys.kind = 'post'
WHERE idempotency_keys.kind <> 'transfer'
    AND (
        (idempotency_keys.kind = 'account' AND accounts.id IS NULL)
        OR (idempotency_keys.kind = 'hold' AND holds.id IS NULL)
        OR (idempotency_keys.kind = 'purchase' AND purchases.id IS NULL)
        OR (holds.created_by <> idempotency_keys.user_id AND holds.status NOT IN ('captured', 'released'))
        OR (purchases.buyer_id <> idempotency_keys.user_id AND purchases.status NOT IN ('completed', 'refunded'))
        OR (idempotency_keys.kind = 'post' AND idempotency_keys.resource_id IS NULL)
        OR posts.author_id <> idempotency_keys.user_id
        OR (idempotency_keys.kind IN ('refusal', 'batch', 'product') AND idempotency_keys.answer IS NULL)
    )
ORDER BY idempotency_keys.user_id, idempotency_keys.key
LIMIT $1::bigint;
