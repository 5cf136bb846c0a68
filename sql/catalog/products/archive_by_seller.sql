-- Archive some products of a seller that has left.
--
-- $1 seller_id  bigint  users.id of the main database
-- $2 limit      bigint  products to archive
--
-- Returns  none
-- Index    products_seller_id_idx, products_pkey
-- Locks    products AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, by id
WITH /* catalog/products/archive_by_seller */ batch AS MATERIALIZED (
    SELECT id
    FROM products
    WHERE seller_id = $1::bigint
        AND archived_at IS NULL
    ORDER BY created_at, id
    LIMIT $2::bigint
),
selling AS MATERIALIZED (
    SELECT id
    FROM products
    WHERE id IN (SELECT id FROM batch)
        AND archived_at IS NULL
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE products
SET
    archived_at = statement_timestamp(),
    updated_at = statement_timestamp(),
    version = products.version + 1
FROM selling
WHERE products.id = selling.id;
