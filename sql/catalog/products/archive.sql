-- Archive a product that this unit of work has locked. The row stays, since purchases refer to it.
--
-- $1 id  bigint  products.id
--
-- Returns  none
-- Index    products_pkey
-- Locks    products RowExclusiveLock
UPDATE /* catalog/products/archive */ products
SET
    archived_at = statement_timestamp(),
    updated_at = statement_timestamp(),
    version = version + 1
WHERE id = $1::bigint
    AND archived_at IS NULL;
