-- Count what products were supplied with that an earlier release inserted, a batch at a time. A product that its seller
-- changes meanwhile is left for the next batch; a sale does not change the count.
--
-- $1 limit  bigint  rows at most
--
-- Returns  id bigint;
--          one row for each product that was counted
-- Index    products_pkey, reservations_product_id_idx, returns_purchase_id_idx
-- Locks    products AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, by id; reservations,
--          returns AccessShareLock
WITH /* catalog/products/count_supplied */ uncounted AS MATERIALIZED (
    SELECT id, stock, updated_at
    FROM products
    WHERE supplied IS NULL
    ORDER BY id
    LIMIT $1::bigint
),
counted AS MATERIALIZED (
    SELECT
        uncounted.id, uncounted.stock, uncounted.updated_at,
        coalesce(
            sum(
                reservations.quantity - coalesce((
                    SELECT sum(returns.quantity)
                    FROM returns
                    WHERE returns.purchase_id = reservations.purchase_id
                ), 0)
            ), 0
        ) AS taken
    FROM uncounted
    LEFT JOIN reservations
        ON reservations.product_id = uncounted.id
        AND reservations.status IN ('reserved', 'confirmed')
    GROUP BY uncounted.id, uncounted.stock, uncounted.updated_at
),
locked AS MATERIALIZED (
    SELECT id
    FROM products
    WHERE id IN (SELECT uncounted.id FROM uncounted)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE products
SET supplied = counted.stock + counted.taken
FROM counted
JOIN locked ON locked.id = counted.id
WHERE products.id = counted.id
    AND products.supplied IS NULL
    AND products.stock = counted.stock
    AND products.updated_at = counted.updated_at
RETURNING products.id;
