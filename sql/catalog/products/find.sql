-- Find the product that a seller created under an Idempotency-Key.
--
-- $1 seller_id        bigint  users.id of the main database
-- $2 idempotency_key  text
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          at most one row
-- Index    products_idempotency_key_key
-- Locks    products AccessShareLock
SELECT /* catalog/products/find */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE seller_id = $1::bigint
    AND idempotency_key = $2::text;
