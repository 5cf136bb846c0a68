-- Rows that refer to a user or an account that does not exist.
--
-- $1 limit  bigint  rows at most
--
-- Returns  reference text, id bigint, missing_id bigint;
--          no row if all is well; id is null for an idempotency key
-- Index    none
-- Locks    accounts, api_keys, posts, idempotency_keys, transfers, holds, purchases, users AccessShareLock
SELECT /* main/invariants/references */ broken.reference, broken.id, broken.missing_id
FROM (
    SELECT refers.reference, refers.id, refers.user_id AS missing_id
    FROM (
        SELECT 'accounts.owner_id' AS reference, id, owner_id AS user_id FROM accounts
        UNION ALL
        SELECT 'api_keys.user_id', id, user_id FROM api_keys
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
    UNION ALL
    SELECT refers.reference, refers.id, refers.account_id
    FROM (
        SELECT 'holds.from_account_id' AS reference, id, from_account_id AS account_id FROM holds
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
) AS broken
ORDER BY broken.reference, broken.id
LIMIT $1::bigint;
