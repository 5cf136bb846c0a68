-- Read the reservations of these purchases, to compare the two databases.
--
-- $1 purchase_ids  bigint[]  purchases.id of the main database
--
-- Returns  purchase_id bigint, product_id bigint, quantity bigint, status text, returned bigint;
--          one row for each reservation that exists, by purchase
-- Index    reservations_pkey, returns_purchase_id_idx
-- Locks    reservations, returns AccessShareLock
SELECT /* catalog/reservations/list_of */
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
WHERE purchase_id = ANY($1::bigint[])
ORDER BY purchase_id;
