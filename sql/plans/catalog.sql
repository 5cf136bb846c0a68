-- Fill a freshly migrated catalog database to match sql/plans/main.sql: 250,000 products and 160,000 reservations.
--
--     psql -d folio_catalog -v ON_ERROR_STOP=1 -f sql/plans/catalog.sql
--
-- Needs a superuser, and a database that is dropped afterwards. A blank line ends a statement.

SELECT set_config('plans.began', clock_timestamp()::text, FALSE) AS began;
SET client_min_messages = warning;
SET synchronous_commit = off;
SET jit = off;
SET maintenance_work_mem = '512MB';
SET session_replication_role = replica;

-- The next five functions equal those of sql/plans/main.sql: both databases have the same sellers, accounts and
-- purchases.
CREATE FUNCTION pg_temp.spread(n bigint, series bigint) RETURNS double precision LANGUAGE sql IMMUTABLE AS
'SELECT (n * (2654435761 + series * 2246822520) % 4294967296) / 4294967296.0::double precision';

CREATE FUNCTION pg_temp.moment(n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS
'SELECT timestamptz ''2020-01-01 00:00:00+00'' + n * interval ''1 minute''';

CREATE FUNCTION pg_temp.account(x double precision, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
'SELECT 10 * floor(100000 * x)::bigint + 1 + n % 10';

CREATE FUNCTION pg_temp.owner(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
'SELECT CASE WHEN n > 1000000 THEN 1 ELSE 1 + floor(196000 * pow(pg_temp.spread(n, 3), 1.5))::bigint END';

CREATE FUNCTION pg_temp.word(n bigint, series bigint) RETURNS text LANGUAGE sql IMMUTABLE AS
'SELECT ''w'' || floor(20000 * pow(pg_temp.spread(n, series), 3))::bigint::text';

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
    IF EXISTS (TABLE products) THEN
        RAISE EXCEPTION 'this database has products: fill a fresh one';
    END IF;
    FOR gone IN SELECT name FROM later LOOP
        EXECUTE 'DROP INDEX ' || gone;
    END LOOP;
END;
$$;

INSERT INTO reservations (purchase_id, product_id, quantity, status, created_at, updated_at)
SELECT
    id, 1 + floor(250000 * pow(pg_temp.spread(id, 5), 2))::bigint, 1 + id % 3,
    CASE
        WHEN id <= 150000 THEN 'confirmed'
        WHEN id BETWEEN 159701 AND 159900 THEN 'reserved'
        ELSE 'refused'
    END,
    pg_temp.moment(2350000 + id), pg_temp.moment(2350000 + id)
FROM generate_series(1::bigint, 160000) AS made (id);

-- Every 50th sale was returned, but the last 20 are not back yet.
INSERT INTO returns (refund_id, purchase_id, quantity, created_at)
SELECT 2510000 + purchase_id / 50, purchase_id, quantity, pg_temp.moment(2510000 + purchase_id / 50)
FROM reservations
WHERE purchase_id <= 149000
    AND purchase_id % 50 = 0;

-- Every 20th product is archived; account 1 sells every 50th. The trigger that fills search does not run here.
INSERT INTO products (
    id, seller_id, account_id, name, description, price, currency, stock, supplied, created_at, updated_at, archived_at,
    idempotency_key, search
)
SELECT
    id, pg_temp.owner(account), account,
    product.name, product.description, 100 + id % 900,
    CASE WHEN account % 10 < 7 THEN 'EUR' WHEN account % 10 < 9 THEN 'USD' ELSE 'GBP' END,
    id % 100, id % 100 + coalesce(taken.quantity, 0), pg_temp.moment(id), pg_temp.moment(id),
    CASE WHEN id % 20 = 0 THEN pg_temp.moment(id + 10000) END,
    CASE WHEN id % 2 = 0 THEN 'product-' || id END,
    to_tsvector('simple', product.name || ' ' || product.description)
FROM (
    SELECT
        id,
        pg_temp.word(id, 10) || ' ' || pg_temp.word(id, 11) AS name,
        pg_temp.word(id, 12) || ' ' || pg_temp.word(id, 13) || ' ' || pg_temp.word(id, 14) AS description,
        pg_temp.account(CASE WHEN id % 50 = 0 THEN 0 ELSE 0.9 * pow(pg_temp.spread(id, 6), 2) END, id) AS account
    FROM generate_series(1::bigint, 250000) AS made (id)
) AS product
LEFT JOIN (
    SELECT product_id, sum(reservations.quantity - coalesce(returns.quantity, 0)) AS quantity
    FROM reservations
    LEFT JOIN returns ON returns.purchase_id = reservations.purchase_id
    WHERE status IN ('reserved', 'confirmed')
    GROUP BY product_id
) AS taken ON taken.product_id = product.id;

DO $$
DECLARE
    kept text;
BEGIN
    FOR kept IN SELECT definition FROM later LOOP
        EXECUTE kept;
    END LOOP;
    PERFORM setval(pg_get_serial_sequence('products', 'id'), max(id)) FROM products;
END;
$$;

-- Not in parallel: that needs shared memory of maintenance_work_mem, and a container may have only 64 MB.
VACUUM (ANALYZE, PARALLEL 0);

SELECT clock_timestamp() - current_setting('plans.began')::timestamptz AS filled_in;
