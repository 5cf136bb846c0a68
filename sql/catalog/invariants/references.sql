-- Reservations of a product that does not exist.
--
-- $1 after  bigint  reservations.purchase_id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  purchase_id bigint, product_id bigint, status text;
--          no row if all is well
-- Index    reservations_pkey, products_pkey
-- Locks    reservations, products AccessShareLock
SELECT /* catalog/invariants/references */ reservations.purchase_id, reservations.product_id, reservations.status
FROM reservations
LEFT JOIN products ON products.id = reservations.product_id
WHERE reservations.purchase_id > coalesce($1::bigint, 0)
    AND reservations.purchase_id <= coalesce($2::bigint, 9223372036854775807)
    AND products.id IS NULL
ORDER BY reservations.purchase_id
LIMIT $3::bigint;
