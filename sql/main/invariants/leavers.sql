-- Users who have left and still have something: an API key, an account that is not closed, a purchase in progress, or,
-- an hour later, a post.
--
-- $1 limit  bigint  rows at most
--
-- Returns  user_id bigint, kind text, id bigint;
--          no row if all is well
-- Index    users_pkey, api_keys_user_id_idx, purchases_unfinished_idx, posts_author_id_idx
-- Locks    users, api_keys, accounts, purchases, posts AccessShareLock
SELECT /* main/invariants/leavers */ remnant.user_id, remnant.kind, remnant.id
FROM (
    SELECT user_id, 'api_key' AS kind, id, interval '0' AS allowed
    FROM api_keys
    WHERE revoked_at IS NULL
    UNION ALL
    SELECT owner_id, 'account', id, interval '0'
    FROM accounts
    WHERE status <> 'closed'
    UNION ALL
    SELECT buyer_id, 'purchase', id, interval '0'
    FROM purchases
    WHERE NOT finished
    UNION ALL
    SELECT author_id, 'post', id, interval '1 hour'
    FROM posts
) AS remnant
JOIN users ON users.id = remnant.user_id
WHERE users.deleted_at < statement_timestamp() - remnant.allowed
ORDER BY remnant.user_id, remnant.kind, remnant.id
LIMIT $1::bigint;
