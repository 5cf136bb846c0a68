-- Write the reservation of a purchase that has none, under the lock of its product. Only the status reserved lowers the
-- stock, and leaves the version as it is.
--
-- $1 purchase_id  bigint  purchases.id of the main database
-- $2 product_id   bigint  products.id, locked by this unit of work
-- $3 quantity     bigint
-- $4 status       text    reserved, refused (out of stock), released (tombstone: the purchase was rejected first)
--
-- Returns  none
-- Index    products_pkey
-- Locks    products RowShareLock, RowExclusiveLock; its row FOR KEY SHARE; reservations RowExclusiveLock
WITH /* catalog/reservations/insert */ taken AS (
    UPDATE products
    SET stock = stock - $3::bigint
    WHERE id = $2::bigint
        AND $4::text = 'reserved'
)
INSERT INTO reservations (purchase_id, product_id, quantity, status)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::text);
