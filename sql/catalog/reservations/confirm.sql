-- Confirm a reservation: its purchase is paid. A released one stays released.
--
-- $1 purchase_id  bigint  purchases.id of the main database
-- $2 product_id   bigint  products.id
-- $3 quantity     bigint
--
-- Returns  purchase_id bigint;
--          at most one row; none if the reservation does not exist, was released, or is of another product or quantity
-- Index    reservations_product_id_idx
-- Locks    reservations RowExclusiveLock
UPDATE /* catalog/reservations/confirm */ reservations
SET
    status = 'confirmed',
    updated_at = statement_timestamp()
WHERE purchase_id = $1::bigint
    AND product_id = $2::bigint
    AND quantity = $3::bigint
    AND status IN ('reserved', 'confirmed')
RETURNING purchase_id;
