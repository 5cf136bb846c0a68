-- Lock a product that this unit of work will change or reserve, before locking its reservations.
--
-- $1 id  bigint  products.id
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          at most one row
-- Index    products_pkey
-- Locks    products RowShareLock; its row FOR NO KEY UPDATE
SELECT /* catalog/products/lock */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE id = $1::bigint
FOR NO KEY UPDATE;
