-- List one seller's products for sale, newest first.
--
-- $1 seller_id    bigint       users.id of the main database
-- $2 before_time  timestamptz  keyset: products.created_at of the last row seen
-- $3 before_id    bigint       keyset: products.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          a page of rows
-- Index    products_seller_id_idx
-- Locks    products AccessShareLock
SELECT /* catalog/products/list_by_seller */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE seller_id = $1::bigint
    AND archived_at IS NULL
    AND (created_at, id) < ($2::timestamptz, $3::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint;
