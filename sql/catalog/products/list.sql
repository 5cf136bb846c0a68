-- List products for sale, newest first.
--
-- $1 before_time  timestamptz  keyset: products.created_at of the last row seen
-- $2 before_id    bigint       keyset: products.id of that row
-- $3 limit        bigint       rows at most
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          a page of rows
-- Index    products_created_at_idx
-- Locks    products AccessShareLock
SELECT /* catalog/products/list */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE archived_at IS NULL
    AND (created_at, id) < ($1::timestamptz, $2::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $3::bigint;
