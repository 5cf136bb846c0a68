-- List what is for sale and contains the words of a query, newest first. Quotes, OR and - mean what they mean in a search box.
--
-- $1 query        text         words
-- $2 seller_id    bigint       users.id of the main database; null: of any seller
-- $3 before_time  timestamptz  keyset: products.created_at of the last row seen
-- $4 before_id    bigint       keyset: its products.id
-- $5 limit        bigint       rows at the most
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          a page of rows
-- Index    products_search_idx
-- Locks    products AccessShareLock
SELECT /* catalog/products/search */
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at
FROM products
WHERE search @@ websearch_to_tsquery('simple', $1::text)
    AND archived_at IS NULL
    AND ($2::bigint IS NULL OR seller_id = $2::bigint)
    AND (created_at, id) < ($3::timestamptz, $4::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $5::bigint;
