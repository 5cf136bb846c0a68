-- Users who have left and still have something: an API key, an account that is not closed, a purchase in progress, or,
-- an hour later, a post.
--
-- $1 after  bigint  users.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  user_id bigint, kind text, id bigint;
--          no row if all is well
-- Index    users_pkey, api_keys_user_id_idx, accounts_owner_id_idx, purchases_unfinished_idx, posts_author_id_idx
-- Locks    users, api_keys, accounts, purchases, posts AccessShareLock
SELECT /* main/invariants/leavers */ leaver.id AS user_id, remnant.kind, remnant.id
FROM (
    SELECT id, deleted_at
    FROM users
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
        AND deleted_at IS NOT NULL
) AS leaver
CROSS JOIN
    LATERAL (
        SELECT 'api_key' AS kind, api_keys.id, interval '0' AS allowed
        FROM api_keys
        WHERE api_keys.user_id = leaver.id
            AND api_keys.revoked_at IS NULL
        UNION ALL
        SELECT 'account', accounts.id, interval '0'
        FROM accounts
        WHERE accounts.owner_id = leaver.id
            AND accounts.status <> 'closed'
        UNION ALL
        SELECT 'purchase', purchases.id, interval '0'
        FROM purchases
        WHERE purchases.buyer_id = leaver.id
            AND NOT purchases.finished
        UNION ALL
        SELECT 'post', posts.id, interval '1 hour'
        FROM posts
        WHERE posts.author_id = leaver.id
    ) AS remnant
WHERE leaver.deleted_at < statement_timestamp() - remnant.allowed
ORDER BY leaver.id, remnant.kind, remnant.id
LIMIT $3::bigint;
