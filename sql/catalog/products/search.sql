-- List products for sale that match a search query, newest first. The query may contain quotes, OR and -; without a
-- word that must occur it matches nothing.
--
-- $1 query        text         as typed into a search box
-- $2 seller_id    bigint       users.id of the main database; null: any seller
-- $3 before_time  timestamptz  keyset: products.created_at of the last row seen
-- $4 before_id    bigint       keyset: products.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          a page of rows
-- Index    products_search_idx
-- Locks    products AccessShareLock
SELECT /* catalog/products/search */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE search @@ search_query($1::text)
    AND archived_at IS NULL
    AND ($2::bigint IS NULL OR seller_id = $2::bigint)
    AND (created_at, id) < ($3::timestamptz, $4::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $5::bigint;
