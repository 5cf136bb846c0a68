-- Fill a freshly migrated main database with the data of years, to see how its queries are planned then: 200,000 users,
-- 1,000,000 posts and accounts, 2,513,000 transfers, 5,026,000 entries, and holds, purchases and keys to match.
--
--     psql -d folio -v ON_ERROR_STOP=1 -f sql/plans/main.sql
--
-- Needs a superuser (for session_replication_role), and a database that is dropped afterwards. Nothing is random: every
-- row follows from its number, skewed as real data is, and every invariant holds.
-- A blank line ends a statement.

SELECT set_config('plans.began', clock_timestamp()::text, FALSE) AS began;
SET client_min_messages = warning;
SET synchronous_commit = off;
SET jit = off;
SET work_mem = '512MB';
SET maintenance_work_mem = '512MB';
-- Skips foreign keys, which hold by construction. The append-only triggers are ENABLE ALWAYS, and still run.
SET session_replication_role = replica;

-- A number between 0 and 1 for each n and series: multiples of odd numbers, modulo 2^32.
CREATE FUNCTION pg_temp.spread(n bigint, series bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS
'SELECT (n * (2654435761 + series * 2246822520) % 4294967296) / 4294967296.0::double precision';

-- The time of row n: one row a minute.
CREATE FUNCTION pg_temp.moment(n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS
'SELECT timestamptz ''2020-01-01 00:00:00+00'' + n * interval ''1 minute''';

-- Account ids are 1 to 1,000,000: a number from 0 to 99,999, then a digit that decides the currency.
CREATE FUNCTION pg_temp.account(x double precision, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
'SELECT 10 * floor(100000 * x)::bigint + 1 + n % 10';

CREATE FUNCTION pg_temp.currency(account bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
'SELECT CASE WHEN account % 10 < 7 THEN ''EUR'' WHEN account % 10 < 9 THEN ''USD'' ELSE ''GBP'' END';

-- The owner of an account or post n: users 1 to 196,000, a few of which own hundreds.
CREATE FUNCTION pg_temp.owner(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
'SELECT CASE WHEN n > 1000000 THEN 1 ELSE 1 + floor(196000 * pow(pg_temp.spread(n, 3), 1.5))::bigint END';

-- Words of posts: w0 is in a quarter of the posts, w19999 in about a hundred.
CREATE FUNCTION pg_temp.word(n bigint, series bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
'SELECT ''w'' || floor(20000 * pow(pg_temp.spread(n, series), 3))::bigint::text';

-- Secondary indexes are dropped, and built again after the rows; so is the key of entries, whose rows come in order of
-- time.
CREATE TEMPORARY TABLE later AS
SELECT pg_index.indexrelid::regclass::text AS name, pg_get_indexdef(pg_index.indexrelid) AS definition
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indrelid
WHERE pg_class.relnamespace = current_schema()::regnamespace
    AND pg_index.indexrelid NOT IN (SELECT conindid FROM pg_constraint);

DO $$
DECLARE
    gone text;
BEGIN
    IF EXISTS (TABLE users) THEN
        RAISE EXCEPTION 'this database has users: fill a fresh one';
    END IF;
    FOR gone IN SELECT name FROM later LOOP
        EXECUTE 'DROP INDEX ' || gone;
    END LOOP;
    ALTER TABLE entries DROP CONSTRAINT entries_pkey;
END;
$$;

-- The last 4,000 users have left.
INSERT INTO users (id, username, username_key, email, email_key, role, created_at, deleted_at, off_sale)
SELECT
    id, 'User' || id, 'user' || id,
    CASE WHEN id <= 196000 THEN 'user' || id || '@example.com' END,
    CASE WHEN id <= 196000 THEN 'user' || id || '@example.com' END,
    CASE WHEN id % 40000 = 1 THEN 'operator' ELSE 'member' END,
    pg_temp.moment(id - 1500000),
    CASE WHEN id > 196000 THEN pg_temp.moment(id) END,
    id BETWEEN 196001 AND 199980
FROM generate_series(1::bigint, 200000) AS made (id);

-- Every 10th key is revoked; user 1 has more than others.
INSERT INTO api_keys (id, user_id, name, digest, read_only, created_at, revoked_at)
SELECT
    id,
    CASE WHEN id % 3001 = 0 THEN 1 ELSE 1 + id % 196000 END,
    'key ' || id,
    sha256(convert_to('key ' || id, 'UTF8')),
    id % 4 = 0,
    pg_temp.moment(id),
    CASE WHEN id % 10 = 0 THEN pg_temp.moment(id + 10000) END
FROM generate_series(1::bigint, 300000) AS made (id);

INSERT INTO request_counts (kind, address, count, window_ends_at)
SELECT 'wrong_key', '10.0.' || n / 256 || '.' || n % 256, 1, clock_timestamp() + (n - 100) * interval '1 second'
FROM generate_series(1::bigint, 20000) AS made (n);

-- Short posts: splitting a text into words costs more than all other columns together. The trigger that fills search does
-- not run here; of such plain words, to_tsvector makes the same as search_words, at a quarter of the cost.
INSERT INTO posts (id, author_id, title, content, created_at, updated_at, search)
SELECT
    id, pg_temp.owner(id), title, content, moment AS created_at, moment AS updated_at,
    to_tsvector('simple', title || ' ' || content)
FROM (
    SELECT
        id, pg_temp.moment(id) AS moment,
        pg_temp.word(id, 10) || ' ' || pg_temp.word(id, 11) || ' ' || pg_temp.word(id, 12) AS title,
        pg_temp.word(id, 13) || ' ' || pg_temp.word(id, 14) || ' ' || pg_temp.word(id, 15) || ' '
        || pg_temp.word(id, 16) || ' ' || pg_temp.word(id, 17) || ' ' || pg_temp.word(id, 18) AS content
    FROM generate_series(1::bigint, 1000000) AS made (id)
) AS post;

-- Holds are captured up to 100,000, then released, then expired, and active from 120,001 on. The first 5,000 active
-- ones are overdue, as if the job that expires holds had not run.
INSERT INTO holds (
    id, from_account_id, to_account_id, amount, description, status, expires_in, expires_at, created_by, created_at
)
SELECT
    id, payer, payee + CASE WHEN payee = payer THEN 10 ELSE 0 END, 100 + id % 900, 'Hold ' || id,
    CASE
        WHEN id <= 100000 THEN 'captured'
        WHEN id <= 110000 THEN 'released'
        WHEN id <= 120000 THEN 'expired'
        ELSE 'active'
    END,
    604800,
    CASE
        WHEN id <= 120000 THEN pg_temp.moment(2240000 + id) + interval '7 days'
        ELSE clock_timestamp() + (id - 125000) * interval '1 minute'
    END,
    pg_temp.owner(payer),
    CASE
        WHEN id <= 120000 THEN pg_temp.moment(2240000 + id)
        ELSE clock_timestamp() + (id - 125000) * interval '1 minute' - interval '7 days'
    END
FROM (
    SELECT
        id, pg_temp.account(pg_temp.spread(id, 4), id) AS payer,
        pg_temp.account(0.9 * pow(pg_temp.spread(id, 5), 3), id) AS payee
    FROM generate_series(1::bigint, 130000) AS made (id)
) AS hold;

-- Purchases are paid up to 150,000, and every 50th of those is refunded; then they are rejected, then 200 are pending,
-- then 100 are rejected and unfinished. Ten accounts buy a thousand times, and account 1 sells every 50th product.
-- Every tenth has a reference of its own, and as many have the same.
INSERT INTO purchases (
    id, buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, status, reason, transfer_id,
    finished, leased_until, created_at, decided_at, reference
)
SELECT
    id, pg_temp.owner(payer), product, 1 + id % 3, 100 + product % 900, (1 + id % 3) * (100 + product % 900),
    payer, payee,
    CASE
        WHEN id <= 150000 AND id % 50 = 0 THEN 'refunded'
        WHEN id <= 150000 THEN 'completed'
        WHEN id BETWEEN 159701 AND 159900 THEN 'pending'
        ELSE 'rejected'
    END,
    CASE WHEN id > 150000 AND id NOT BETWEEN 159701 AND 159900 THEN 'out_of_stock' END,
    CASE WHEN id <= 150000 THEN 2350000 + id END,
    id <= 159700,
    CASE WHEN id <= 159700 THEN pg_temp.moment(2350000 + id) ELSE clock_timestamp() END,
    pg_temp.moment(2350000 + id),
    CASE WHEN id NOT BETWEEN 159701 AND 159900 THEN pg_temp.moment(2350000 + id) END,
    CASE id % 10 WHEN 0 THEN 'order-' || id WHEN 1 THEN 'gift' END
FROM (
    SELECT
        id, product, payee,
        -- Sellers' accounts are below 900,000, so a buyer's account can be moved past the seller's.
        buyer + CASE WHEN buyer = payee THEN 10 ELSE 0 END AS payer
    FROM (
        SELECT
            id, product,
            pg_temp.account(CASE WHEN id % 16 = 0 THEN 0.5 ELSE pg_temp.spread(id, 7) END, product) AS buyer,
            pg_temp.account(
                CASE WHEN product % 50 = 0 THEN 0 ELSE 0.9 * pow(pg_temp.spread(product, 6), 2) END, product
            ) AS payee
        FROM (
            SELECT id, 1 + floor(250000 * pow(pg_temp.spread(id, 5), 2))::bigint AS product
            FROM generate_series(1::bigint, 160000) AS made (id)
        ) AS chosen
    ) AS sold
) AS bought;

-- Money enters through one account for each currency: 1,000,001 to 1,000,003.
INSERT INTO transfers (
    id, from_account_id, to_account_id, amount, description, created_by, created_at, reference, reference_by
)
SELECT
    id, CASE pg_temp.currency(id) WHEN 'EUR' THEN 1000001 WHEN 'USD' THEN 1000002 ELSE 1000003 END, id AS payee,
    10000000, 'Deposit', 1, pg_temp.moment(id), CASE id % 10 WHEN 0 THEN 'deposit' END, CASE id % 10 WHEN 0 THEN 1 END
FROM generate_series(1::bigint, 1000000) AS made (id);

-- Payments: every account pays, and mostly the same few are paid. Every tenth has a reference of its own, and as many
-- have the same.
INSERT INTO transfers (
    id, from_account_id, to_account_id, amount, description, created_by, created_at, reference, reference_by
)
SELECT
    id, payer, payee + CASE WHEN payee = payer THEN 10 ELSE 0 END, 1 + id % 997, 'Invoice ' || id,
    pg_temp.owner(payer), pg_temp.moment(id), CASE id % 10 WHEN 0 THEN 'invoice-' || id WHEN 1 THEN 'rent' END,
    CASE WHEN id % 10 <= 1 THEN pg_temp.owner(payer) END
FROM (
    SELECT
        id, pg_temp.account(pg_temp.spread(id, 1), id) AS payer,
        pg_temp.account(0.9 * pow(pg_temp.spread(id, 2), 3), id) AS payee
    FROM generate_series(1000001::bigint, 2250000) AS made (id)
) AS payment;

INSERT INTO transfers (id, from_account_id, to_account_id, amount, description, created_by, created_at, hold_id)
SELECT
    2250000 + id, from_account_id, to_account_id, amount, description, created_by, pg_temp.moment(2250000 + id), id
FROM holds
WHERE status = 'captured'
ORDER BY id;

INSERT INTO transfers (
    id, from_account_id, to_account_id, amount, description, created_by, created_at, reference, reference_by
)
SELECT
    transfer_id, account_id, payee_account_id, amount, 'Purchase ' || id, buyer_id, created_at, reference,
    CASE WHEN reference IS NOT NULL THEN buyer_id END
FROM purchases
WHERE transfer_id IS NOT NULL
ORDER BY transfer_id;

-- Reversals of every 100th of a million payments, and of every refunded purchase.
INSERT INTO transfers (
    id, from_account_id, to_account_id, amount, description, created_by, created_at, reverses_id, reference,
    reference_by
)
SELECT
    2500000 + row_number() OVER (ORDER BY id), to_account_id, from_account_id, amount, 'Reversal',
    pg_temp.owner(to_account_id), pg_temp.moment(2500000 + row_number() OVER (ORDER BY id)), id, reference,
    reference_by
FROM transfers
WHERE (id BETWEEN 1000001 AND 2000000 AND id % 100 = 0)
    OR (id BETWEEN 2350001 AND 2500000 AND id % 50 = 0);

-- The last 20 refunds are unfinished.
INSERT INTO refunds (transfer_id, purchase_id, quantity, finished, leased_until, created_at)
SELECT
    transfers.id AS transfer_id, purchases.id AS purchase_id, purchases.quantity, transfers.id <= 2512980,
    transfers.created_at AS leased_until, transfers.created_at
FROM transfers
JOIN purchases ON purchases.transfer_id = transfers.reverses_id;

INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
SELECT
    account_id, row_number() OVER in_order, transfer_id, amount, sum(amount) OVER in_order, created_at
FROM (
    -- The sum of integers is a bigint; the sum of bigints is numeric, and slower.
    SELECT id AS transfer_id, from_account_id AS account_id, -amount::integer AS amount, created_at
    FROM transfers
    UNION ALL
    SELECT id AS transfer_id, to_account_id AS account_id, amount::integer, created_at
    FROM transfers
) AS leg
WINDOW in_order AS (PARTITION BY account_id ORDER BY transfer_id)
ORDER BY transfer_id, amount;

INSERT INTO accounts (
    id, owner_id, name, currency, balance, held, minimum, status, version, created_at, entered_at
)
SELECT
    entered.account_id, pg_temp.owner(entered.account_id), 'Account ' || entered.account_id,
    CASE
        WHEN entered.account_id <= 1000000 THEN pg_temp.currency(entered.account_id)
        ELSE (ARRAY['EUR', 'USD', 'GBP'])[entered.account_id - 1000000]
    END,
    entered.balance, coalesce(promised.amount, 0),
    CASE WHEN entered.account_id <= 1000000 THEN 0 END,
    CASE WHEN entered.account_id % 1000 = 999 THEN 'frozen' ELSE 'open' END,
    entered.version, pg_temp.moment(entered.account_id - 1000000), entered.entered_at
FROM (
    SELECT account_id, sum(amount::integer) AS balance, count(*) AS version, max(created_at) AS entered_at
    FROM entries
    GROUP BY account_id
) AS entered
LEFT JOIN (
    SELECT account_id, sum(amount) AS amount
    FROM (
        SELECT from_account_id AS account_id, amount
        FROM holds
        WHERE status = 'active'
        UNION ALL
        SELECT account_id, amount
        FROM purchases
        WHERE status = 'pending'
    ) AS promise
    GROUP BY account_id
) AS promised ON promised.account_id = entered.account_id
ORDER BY entered.account_id;

-- Accounts that were never used, of a user that has left.
INSERT INTO accounts (id, owner_id, name, currency, created_at)
SELECT 1000003 + n, 200000, 'Empty ' || n, 'EUR', pg_temp.moment(0)
FROM generate_series(1, 10) AS made (n);

-- Every account was opened, every 1000th was frozen later, and an operator issued every 20th key.
INSERT INTO changes (at, changed_by, kind, account_id, after)
SELECT
    created_at, owner_id, 'account_opened', id,
    jsonb_build_object('owner_id', owner_id, 'minimum', minimum, 'status', 'open')
FROM accounts
ORDER BY id;

INSERT INTO changes (at, changed_by, kind, account_id, before, after)
SELECT
    pg_temp.moment(id), 1, 'account_changed', id,
    jsonb_build_object('owner_id', owner_id, 'minimum', minimum, 'status', 'open'),
    jsonb_build_object('owner_id', owner_id, 'minimum', minimum, 'status', status)
FROM accounts
WHERE status = 'frozen'
ORDER BY id;

INSERT INTO changes (at, changed_by, kind, user_id, api_key_id, after)
SELECT created_at, 1, 'key_issued', user_id, id, jsonb_build_object('read_only', read_only, 'expires_at', expires_at)
FROM api_keys
WHERE id % 20 = 0
ORDER BY id;

INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids, created_at)
SELECT
    created_by, 'payment-' || id, sha256(convert_to('payment-' || id, 'UTF8')), 'transfer', id,
    ARRAY[from_account_id], created_at
FROM transfers
WHERE id BETWEEN 1000001 AND 2250000
    AND id % 2 = 0
ORDER BY id;

INSERT INTO audits (id, finished_at, ok, checks)
SELECT id, pg_temp.moment(id), TRUE, '[]'
FROM generate_series(1::bigint, 101) AS made (id);

DO $$
DECLARE
    kept text;
BEGIN
    ALTER TABLE entries ADD CONSTRAINT entries_pkey PRIMARY KEY (account_id, version);
    FOR kept IN SELECT definition FROM later LOOP
        EXECUTE kept;
    END LOOP;
    PERFORM setval(pg_get_serial_sequence('users', 'id'), max(id)) FROM users;
    PERFORM setval(pg_get_serial_sequence('api_keys', 'id'), max(id)) FROM api_keys;
    PERFORM setval(pg_get_serial_sequence('posts', 'id'), max(id)) FROM posts;
    PERFORM setval(pg_get_serial_sequence('holds', 'id'), max(id)) FROM holds;
    PERFORM setval(pg_get_serial_sequence('purchases', 'id'), max(id)) FROM purchases;
    PERFORM setval(pg_get_serial_sequence('transfers', 'id'), max(id)) FROM transfers;
    PERFORM setval(pg_get_serial_sequence('accounts', 'id'), max(id)) FROM accounts;
    PERFORM setval(pg_get_serial_sequence('audits', 'id'), max(id)) FROM audits;
END;
$$;

-- Not in parallel: that needs shared memory of maintenance_work_mem, and a container may have only 64 MB.
VACUUM (ANALYZE, PARALLEL 0);

SELECT clock_timestamp() - current_setting('plans.began')::timestamptz AS filled_in;
