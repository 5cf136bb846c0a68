-- Fill a freshly migrated catalog: 100 products of 10 sellers, in unlimited supply.

INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)
SELECT 1001 + id % 10, 10001 + id % 10, 'Product ' || id, repeat('word ', 20), 1, 'EUR', 1000000000000
FROM generate_series(1, 100) AS made (id);

ANALYZE;
