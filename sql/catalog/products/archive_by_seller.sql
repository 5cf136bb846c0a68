-- Archive all products of sellers that have left.
--
-- $1 seller_ids  bigint[]  users.id of the main database
--
-- Returns  none
-- Index    products_seller_id_idx, products_pkey
-- Locks    products RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, by id
WITH /* catalog/products/archive_by_seller */ selling AS MATERIALIZED (
    SELECT id
    FROM products
    WHERE seller_id = ANY($1::bigint[])
        AND archived_at IS NULL
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE products
SET
    archived_at = clock_timestamp(),
    updated_at = clock_timestamp(),
    version = products.version + 1
FROM selling
WHERE products.id = selling.id;
