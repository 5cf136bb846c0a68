-- Write the reservation of a purchase that has none, under the lock of its product. The statuses reserved and confirmed
-- lower the stock, and leave the version as it is; a quantity beyond the stock counts as supplied by the seller.
--
-- $1 purchase_id  bigint  purchases.id of the main database
-- $2 product_id   bigint  products.id, locked by this unit of work
-- $3 quantity     bigint
-- $4 status       text    reserved, refused (out of stock), confirmed (its reservation was lost), released (tombstone)
--
-- Returns  none
-- Index    products_pkey
-- Locks    products RowShareLock, RowExclusiveLock; its row FOR KEY SHARE; reservations RowExclusiveLock
WITH /* catalog/reservations/insert */ taken AS (
    UPDATE products
    SET
        stock = greatest(stock - $3::bigint, 0),
        supplied = supplied + greatest($3::bigint - stock, 0)
    WHERE id = $2::bigint
        AND $4::text IN ('reserved', 'confirmed')
)
INSERT INTO reservations (purchase_id, product_id, quantity, status)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::text);
