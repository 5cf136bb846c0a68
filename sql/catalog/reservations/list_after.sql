-- List reservations by page, to find those that belong to no purchase.
--
-- $1 after_id  bigint  reservations.purchase_id of the last row seen
-- $2 limit     bigint  rows at most
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text;
--          a page of rows, by purchase
-- Index    reservations_pkey
-- Locks    reservations AccessShareLock
SELECT /* catalog/reservations/list_after */ purchase_id, product_id, quantity, status
FROM reservations
WHERE purchase_id > $1::bigint
ORDER BY purchase_id
LIMIT $2::bigint;
