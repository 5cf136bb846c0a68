-- The rows on which the headers of sql/main and sql/both are tested: enough for an index to be cheaper than the table, few
-- in the states of partial indexes, and some for each statement to find and lock.
-- Rows are written from the highest id down, and higher ids are older: rows that come out by id were sorted by id.

INSERT INTO users (id, username, username_key, email, email_key, created_at, deleted_at, off_sale)
SELECT
    i, 'User' || i, 'user' || i, 'user' || i || '@example.com', 'user' || i || '@example.com',
    '2026-01-01'::timestamptz - make_interval(mins => i),
    CASE WHEN i > 950 THEN '2026-01-01'::timestamptz - make_interval(mins => i) END,
    i > 975
FROM generate_series(1000, 1, -1) AS i;

INSERT INTO api_keys (id, user_id, name, digest, created_at)
SELECT i, i % 900 + 1, 'key', sha256(('key' || i)::bytea), '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(2700, 1, -1) AS i;

INSERT INTO request_counts (kind, address, count, window_ends_at)
SELECT
    'wrong_key', '10.0.' || i / 100 || '.' || i % 100, 1,
    CASE WHEN i <= 20 THEN '2026-01-01'::timestamptz - make_interval(mins => i) ELSE 'infinity' END
FROM generate_series(2000, 1, -1) AS i;

INSERT INTO posts (id, author_id, title, content, created_at)
SELECT
    i, i % 900 + 1, 'Title of ' || i, 'Words that all have, and word' || i % 300,
    '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(4500, 1, -1) AS i;

-- The accounts of user 900 are empty.
INSERT INTO accounts (id, owner_id, name, currency, balance, held, minimum, created_at)
SELECT
    i, i % 900 + 1, 'Purse', 'EUR', CASE WHEN i % 900 = 899 THEN 0 ELSE 100000 END,
    CASE WHEN i % 900 = 899 THEN 0 ELSE 1000 END, NULL, '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(3600, 1, -1) AS i;

-- Active: 1 to 2000. Overdue: 1 to 20, on accounts 1 to 4.
INSERT INTO holds (
    id, from_account_id, to_account_id, amount, status, expires_in, expires_at, created_by, created_at
)
SELECT
    i, CASE WHEN i <= 20 THEN i % 4 + 1 ELSE i % 3500 + 5 END, i % 3500 + 6, 10,
    CASE WHEN i <= 2000 THEN 'active' WHEN i <= 3000 THEN 'captured' ELSE 'expired' END, 60,
    CASE
        WHEN i BETWEEN 21 AND 2000 THEN '2126-01-01'::timestamptz + make_interval(mins => i * 7919 % 5000)
        ELSE '2026-01-01'::timestamptz - make_interval(mins => i)
    END,
    i % 900 + 1, '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(4000, 1, -1) AS i;

INSERT INTO transfers (
    id, from_account_id, to_account_id, amount, created_by, created_at, hold_id, reverses_id, reference, reference_by
)
SELECT
    i, i % 80 * 45 + 1, (i + 1) % 80 * 45 + 1, 10, i % 900 + 1,
    '2026-01-01'::timestamptz - make_interval(mins => 5000 - i),
    CASE WHEN i BETWEEN 2001 AND 3000 THEN i END, CASE WHEN i > 4000 THEN i - 4000 END,
    CASE WHEN i % 5 = 0 THEN 'reference' || i % 40 END, CASE WHEN i % 5 = 0 THEN i % 80 * 45 % 900 + 2 END
FROM generate_series(1, 5000) AS i;

INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
SELECT (id + side) % 80 * 45 + 1, 2 * (id / 80) + 1 + side, id, 20 * side - 10, 100000, created_at
FROM transfers
CROSS JOIN (VALUES (0), (1)) AS leg (side)
ORDER BY id;

INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids, created_at)
SELECT
    i % 900 + 1, 'key' || i, sha256('request'), 'transfer', i, '{1}', '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(4500, 1, -1) AS i;

-- Pending: 1 to 10, all bought by user 7. Decided, but the catalog is not told yet: 11 to 20.
INSERT INTO purchases (
    id, buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, status, reason, transfer_id,
    finished, leased_until, created_at, decided_at, reference
)
SELECT
    i, CASE WHEN i <= 10 THEN 7 ELSE i % 900 + 1 END, i % 500 + 1, 1, 10, 10, i % 800 + 1, i % 800 + 2,
    CASE WHEN i <= 10 THEN 'pending' WHEN i <= 4000 THEN 'completed' ELSE 'rejected' END,
    CASE WHEN i > 4000 THEN 'out_of_stock' END, CASE WHEN i BETWEEN 11 AND 4000 THEN i END, i > 20,
    '2026-01-01'::timestamptz - make_interval(mins => i), '2026-01-01'::timestamptz - make_interval(mins => i),
    CASE WHEN i > 10 THEN '2026-01-01'::timestamptz - make_interval(mins => i) END,
    CASE WHEN i % 5 = 0 THEN 'reference' || i % 40 END
FROM generate_series(4500, 1, -1) AS i;

-- Unfinished: 4001 to 4020.
INSERT INTO refunds (transfer_id, purchase_id, quantity, finished, leased_until, created_at)
SELECT
    i, i - 4000, 1, i > 4020, '2026-01-01'::timestamptz - make_interval(mins => i),
    '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(5000, 4001, -1) AS i;

INSERT INTO audits (id, ok, checks, finished_at)
SELECT i, TRUE, '[]', '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(2000, 1, -1) AS i;

-- A trigger recorded the accounts.
INSERT INTO changes (id, at, changed_by, kind, user_id, api_key_id, after)
SELECT 10000 + i, '2026-01-01'::timestamptz - make_interval(mins => i), 1, 'key_issued', i % 900 + 1, i, '{}'
FROM generate_series(2700, 1, -1) AS i;

INSERT INTO audit_passes (id, since, turn, leased_until)
SELECT i, '2026-01-01', 1, '2026-01-01'::timestamptz - make_interval(mins => i)
FROM generate_series(2000, 1, -1) AS i;

-- Rows that are inserted later get ids above these.
SELECT setval(pg_get_serial_sequence(name, 'id'), 1000000)
FROM unnest('{users,api_keys,posts,accounts,holds,transfers,purchases,audits,audit_passes,changes}'::text[]) AS name;
