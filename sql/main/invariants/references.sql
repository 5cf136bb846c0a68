-- Rows that refer to a user, an account or an API key that does not exist.
--
-- $1 limit  bigint  rows at most
--
-- Returns  reference text, id bigint, missing_id bigint;
--          no row if all is well; id is null for an idempotency key
-- Index    none
-- Locks    accounts, api_keys, changes, posts, idempotency_keys, transfers, holds, purchases, users AccessShareLock
SELECT /* main/invariants/references */ broken.reference, broken.id, broken.missing_id
FROM (
    SELECT refers.reference, refers.id, refers.user_id AS missing_id
    FROM (
        SELECT 'accounts.owner_id' AS reference, id, owner_id AS user_id FROM accounts
        UNION ALL
        SELECT 'api_keys.issued_by', id, issued_by FROM api_keys
        UNION ALL
        SELECT 'api_keys.user_id', id, user_id FROM api_keys
        UNION ALL
        SELECT 'changes.changed_by', id, changed_by FROM changes
        UNION ALL
        SELECT 'changes.user_id', id, user_id FROM changes
        UNION ALL
        SELECT 'holds.created_by', id, created_by FROM holds
        UNION ALL
        SELECT 'idempotency_keys.user_id', NULL, user_id FROM idempotency_keys
        UNION ALL
        SELECT 'posts.author_id', id, author_id FROM posts
        UNION ALL
        SELECT 'purchases.buyer_id', id, buyer_id FROM purchases
        UNION ALL
        SELECT 'transfers.created_by', id, created_by FROM transfers
    ) AS refers
    LEFT JOIN users ON users.id = refers.user_id
    WHERE users.id IS NULL
        AND refers.user_id IS NOT NULL
    UNION ALL
    SELECT refers.reference, refers.id, refers.account_id
    FROM (
        SELECT 'changes.account_id' AS reference, id, account_id FROM changes
        UNION ALL
        SELECT 'holds.from_account_id', id, from_account_id FROM holds
        UNION ALL
        SELECT 'holds.to_account_id', id, to_account_id FROM holds
        UNION ALL
        SELECT 'purchases.account_id', id, account_id FROM purchases
        UNION ALL
        SELECT 'purchases.payee_account_id', id, payee_account_id FROM purchases
        UNION ALL
        SELECT 'transfers.from_account_id', id, from_account_id FROM transfers
        UNION ALL
        SELECT 'transfers.to_account_id', id, to_account_id FROM transfers
    ) AS refers
    LEFT JOIN accounts ON accounts.id = refers.account_id
    WHERE accounts.id IS NULL
        AND refers.account_id IS NOT NULL
    UNION ALL
    SELECT 'changes.api_key_id', changes.id, changes.api_key_id
    FROM changes
    LEFT JOIN api_keys ON api_keys.id = changes.api_key_id
    WHERE api_keys.id IS NULL
        AND changes.api_key_id IS NOT NULL
) AS broken
ORDER BY broken.reference, broken.id
LIMIT $1::bigint;
