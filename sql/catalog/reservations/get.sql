-- Read the reservation of a purchase.
--
-- $1 purchase_id  bigint  purchases.id of the main database
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text;
--          at most one row
-- Index    reservations_pkey
-- Locks    reservations AccessShareLock
SELECT /* catalog/reservations/get */ purchase_id, product_id, quantity, status
FROM reservations
WHERE purchase_id = $1::bigint;
