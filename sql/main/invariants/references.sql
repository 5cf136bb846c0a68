-- Rows that refer to a user, an account or an API key that does not exist. The users of Idempotency-Keys are checked by
-- keys.
--
-- $1 after  bigint  id of the row that refers after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  reference text, id bigint, missing_id bigint;
--          no row if all is well
-- Index    accounts_pkey, accounts_created_at_idx, api_keys_pkey, changes_pkey, holds_pkey, posts_pkey, purchases_pkey,
--          transfers_pkey, users_pkey
-- Locks    accounts, api_keys, changes, posts, transfers, holds, purchases, users AccessShareLock
SELECT /* main/invariants/references */ broken.reference, broken.id, broken.missing_id
FROM (
    SELECT refers.reference, refers.id, refers.user_id AS missing_id
    FROM (
        SELECT 'accounts.owner_id' AS reference, id, owner_id AS user_id
        FROM accounts
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'api_keys.issued_by', id, issued_by
        FROM api_keys
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'api_keys.user_id', id, user_id
        FROM api_keys
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'changes.changed_by', id, changed_by
        FROM changes
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'changes.user_id', id, user_id
        FROM changes
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'holds.created_by', id, created_by
        FROM holds
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'posts.author_id', id, author_id
        FROM posts
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'purchases.buyer_id', id, buyer_id
        FROM purchases
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'transfers.created_by', id, created_by
        FROM transfers
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'transfers.reference_by', id, reference_by
        FROM transfers
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
    ) AS refers
    LEFT JOIN users ON users.id = refers.user_id
    WHERE users.id IS NULL
        AND refers.user_id IS NOT NULL
    UNION ALL
    SELECT refers.reference, refers.id, refers.account_id
    FROM (
        SELECT 'changes.account_id' AS reference, id, account_id
        FROM changes
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'holds.from_account_id', id, from_account_id
        FROM holds
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'holds.to_account_id', id, to_account_id
        FROM holds
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'purchases.account_id', id, account_id
        FROM purchases
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'purchases.payee_account_id', id, payee_account_id
        FROM purchases
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'transfers.from_account_id', id, from_account_id
        FROM transfers
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
        UNION ALL
        SELECT 'transfers.to_account_id', id, to_account_id
        FROM transfers
        WHERE id > coalesce($1::bigint, 0)
            AND id <= coalesce($2::bigint, 9223372036854775807)
    ) AS refers
    LEFT JOIN accounts ON accounts.id = refers.account_id
    WHERE accounts.id IS NULL
        AND refers.account_id IS NOT NULL
    UNION ALL
    SELECT 'changes.api_key_id', changes.id, changes.api_key_id
    FROM changes
    LEFT JOIN api_keys ON api_keys.id = changes.api_key_id
    WHERE changes.id > coalesce($1::bigint, 0)
        AND changes.id <= coalesce($2::bigint, 9223372036854775807)
        AND api_keys.id IS NULL
        AND changes.api_key_id IS NOT NULL
) AS broken
ORDER BY broken.reference, broken.id
LIMIT $3::bigint;
