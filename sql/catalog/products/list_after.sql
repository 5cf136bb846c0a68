-- List products by page, archived or not, to compare the two databases.
--
-- $1 after_id  bigint  products.id of the last row seen
-- $2 limit     bigint  rows at most
--
-- Returns  id bigint, seller_id bigint, account_id bigint, currency text, created_at timestamptz, updated_at timestamptz, archived_at timestamptz, idempotency_key text;
--          a page of rows, by id
-- Index    products_pkey
-- Locks    products AccessShareLock
SELECT /* catalog/products/list_after */
    id, seller_id, account_id, currency, created_at, updated_at, archived_at, idempotency_key
FROM products
WHERE id > $1::bigint
ORDER BY id
LIMIT $2::bigint;
