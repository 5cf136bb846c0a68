-- The rows on which the headers of sql/catalog are tested; see main.sql.

INSERT INTO products (
    id, seller_id, account_id, name, description, price, currency, stock, created_at, archived_at, idempotency_key
)
SELECT
    i, i % 900 + 1, i, 'Product ' || i, 'Words that all have, and word' || i % 300, 10, 'EUR', 100,
    '2026-01-01'::timestamptz - make_interval(mins => i), CASE WHEN i > 4000 THEN '2026-01-01'::timestamptz END,
    'key' || i
FROM generate_series(4500, 1, -1) AS i;

INSERT INTO reservations (purchase_id, product_id, quantity, status)
SELECT i, i % 4000 + 1, 1, CASE WHEN i <= 10 THEN 'reserved' ELSE 'confirmed' END
FROM generate_series(4500, 1, -1) AS i;

INSERT INTO returns (refund_id, purchase_id, quantity)
SELECT i, i, 1
FROM generate_series(4500, 3001, -1) AS i;

SELECT setval(pg_get_serial_sequence('products', 'id'), 1000000);
