-- Fill a freshly migrated main database: 10,000 accounts of 1,000 users, each with an API key; 10 accounts of 10 sellers;
-- 2,000 posts; and 50 entries on each user's first account, so that a page of a statement is full.

INSERT INTO users (id, username, username_key, email, email_key)
SELECT id, 'u' || id, 'u' || id, 'u' || id || '@example.com', 'u' || id || '@example.com'
FROM generate_series(1, 1010) AS made (id);

INSERT INTO api_keys (user_id, name, digest)
SELECT id, 'bench', sha256(convert_to('folio_' || lpad('u' || id, 43, '0'), 'UTF8'))
FROM users;

INSERT INTO posts (author_id, title, content)
SELECT 1 + id % 1000, 'Post ' || id, repeat('word ', 40)
FROM generate_series(1, 2000) AS made (id);

-- Without a minimum, so that no transfer is refused.
INSERT INTO accounts (id, owner_id, name, currency, minimum, version, entered_at)
SELECT
    id, CASE WHEN id <= 10000 THEN 1 + id % 1000 ELSE id - 9000 END, 'Account ' || id, 'EUR', NULL,
    CASE WHEN id <= 1000 THEN 50 ELSE 0 END,
    CASE WHEN id <= 1000 THEN timestamptz '2026-01-02 00:00:00+00' ELSE '-infinity' END
FROM generate_series(1, 10010) AS made (id);

-- 25 times around a ring: each of the first 1,000 accounts pays the next one.
INSERT INTO transfers (id, from_account_id, to_account_id, amount, created_by, created_at)
SELECT
    1000 * (turn - 1) + id, id, id % 1000 + 1, 1, 1 + id % 1000,
    timestamptz '2026-01-01 00:00:00+00' + (1000 * (turn - 1) + id) * interval '1 second'
FROM generate_series(1, 25) AS around (turn), generate_series(1, 1000) AS made (id);

INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
SELECT account_id, row_number() OVER in_order, transfer_id, amount, sum(amount) OVER in_order, created_at
FROM (
    SELECT id AS transfer_id, from_account_id AS account_id, -amount AS amount, created_at FROM transfers
    UNION ALL
    SELECT id AS transfer_id, to_account_id AS account_id, amount, created_at FROM transfers
) AS leg
WINDOW in_order AS (PARTITION BY account_id ORDER BY transfer_id);

SELECT setval('users_id_seq', 1010), setval('accounts_id_seq', 10010), setval('transfers_id_seq', 25000);

ANALYZE;
