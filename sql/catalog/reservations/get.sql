-- Read the reservation of a purchase.
--
-- $1 purchase_id  bigint  purchases.id of the main database
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text, returned bigint;
--          at most one row
-- Index    reservations_pkey, returns_purchase_id_idx
-- Locks    reservations, returns AccessShareLock
SELECT /* catalog/reservations/get */
    purchase_id, product_id, quantity, status,
    CASE status
        WHEN 'released' THEN quantity
        ELSE (
            SELECT coalesce(sum(returns.quantity), 0)
            FROM returns
            WHERE returns.purchase_id = reservations.purchase_id
        )::bigint
    END AS returned
FROM reservations
WHERE purchase_id = $1::bigint;
