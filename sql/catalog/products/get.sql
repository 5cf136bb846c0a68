-- Read a product, archived or not.
--
-- $1 id  bigint  products.id
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          at most one row
-- Index    products_pkey
-- Locks    products AccessShareLock
SELECT /* catalog/products/get */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE id = $1::bigint;
