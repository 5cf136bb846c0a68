-- Read the reservations of these purchases, to compare the two databases.
--
-- $1 purchase_ids  bigint[]  purchases.id of the main database
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text;
--          one row for each reservation that exists, by purchase
-- Index    reservations_pkey
-- Locks    reservations AccessShareLock
SELECT /* catalog/reservations/list_of */ purchase_id, product_id, quantity, status
FROM reservations
WHERE purchase_id = ANY($1::bigint[])
ORDER BY purchase_id;
