-- List reservations by page, to find those that belong to no purchase.
--
-- $1 after_id  bigint  reservations.purchase_id of the last row seen
-- $2 limit     bigint  rows at most
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text, returned bigint;
--          a page of rows, by purchase
-- Index    reservations_pkey, returns_purchase_id_idx
-- Locks    reservations, returns AccessShareLock
SELECT /* catalog/reservations/list_after */
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
WHERE purchase_id > $1::bigint
ORDER BY purchase_id
LIMIT $2::bigint;
