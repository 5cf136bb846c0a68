-- Release a reservation and return its quantity to stock, under the lock of its product; a no-op if it was released.
--
-- $1 purchase_id  bigint  purchases.id of the main database
--
-- Returns  none
-- Index    reservations_pkey, products_pkey
-- Locks    reservations, products RowExclusiveLock
WITH /* catalog/reservations/release */ released AS (
    UPDATE reservations
    SET
        status = 'released',
        updated_at = statement_timestamp()
    WHERE purchase_id = $1::bigint
        AND status IN ('reserved', 'confirmed')
    RETURNING product_id, quantity
)
UPDATE products
SET
    -- Capped: the seller may have set the stock to the maximum meanwhile. The excess counts as taken back by the seller.
    stock = least(products.stock + released.quantity, 9007199254740991),
    supplied = products.supplied - greatest(products.stock + released.quantity - 9007199254740991, 0)
FROM released
WHERE products.id = released.product_id;
