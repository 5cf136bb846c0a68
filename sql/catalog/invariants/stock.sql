-- Products whose stock differs from what their sellers supplied less what reservations took.
--
-- $1 limit  bigint  rows at most
--
-- Returns  product_id bigint, stock bigint, supplied bigint, taken numeric;
--          no row if all is well
-- Index    products_pkey
-- Locks    products, reservations AccessShareLock
SELECT /* catalog/invariants/stock */
    products.id AS product_id, products.stock, products.supplied, coalesce(taken.quantity, 0) AS taken
FROM products
LEFT JOIN (
    SELECT product_id, sum(quantity) AS quantity
    FROM reservations
    WHERE status IN ('reserved', 'confirmed')
    GROUP BY product_id
) AS taken ON taken.product_id = products.id
WHERE products.stock <> products.supplied - coalesce(taken.quantity, 0)
ORDER BY products.id
LIMIT $1::bigint;
