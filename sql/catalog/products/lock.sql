-- Lock a product that this unit of work will change or reserve, before locking its reservations.
--
-- $1 id         bigint  products.id
-- $2 seller_id  bigint  users.id of the main database; null: any seller
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          one row; none if there is no such product or it is another seller's
-- Index    products_pkey
-- Locks    products RowShareLock; its row FOR NO KEY UPDATE
SELECT /* catalog/products/lock */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE id = $1::bigint
    AND ($2::bigint IS NULL OR seller_id = $2::bigint)
FOR NO KEY UPDATE;
