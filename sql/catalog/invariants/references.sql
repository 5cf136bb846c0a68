-- Reservations of a product that does not exist.
--
-- $1 limit  bigint  rows at most
--
-- Returns  purchase_id bigint, product_id bigint, status text;
--          no row if all is well
-- Index    none
-- Locks    reservations, products AccessShareLock
SELECT /* catalog/invariants/references */ reservations.purchase_id, reservations.product_id, reservations.status
FROM reservations
LEFT JOIN products ON products.id = reservations.product_id
WHERE products.id IS NULL
ORDER BY reservations.purchase_id
LIMIT $1::bigint;
