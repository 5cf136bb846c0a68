-- Settle a reservation as its purchase was decided: confirm it, or release it and return its quantity to stock. A
-- released reservation stays released.
--
-- $1 purchase_id  bigint  purchases.id of the main database
-- $2 status       text    confirmed, released
--
-- Returns  none
-- Index    reservations_pkey, products_pkey
-- Locks    reservations, products RowExclusiveLock
WITH /* catalog/reservations/settle */ settled AS (
    UPDATE reservations
    SET
        status = $2::text,
        updated_at = clock_timestamp()
    WHERE purchase_id = $1::bigint
        AND status IN ('reserved', 'confirmed')
        AND status <> $2::text
    RETURNING product_id, quantity
)
UPDATE products
SET
    -- Capped: the seller may have set the stock to the maximum meanwhile. The excess counts as taken back by the seller.
    stock = least(products.stock + settled.quantity, 9007199254740991),
    supplied = products.supplied - greatest(products.stock + settled.quantity - 9007199254740991, 0)
FROM settled
WHERE products.id = settled.product_id
    AND $2::text = 'released';
