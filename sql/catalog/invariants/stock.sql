-- Products whose stock differs from the supplied quantity less the reserved one that did not return.
--
-- $1 after  bigint  products.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  product_id bigint, stock bigint, supplied bigint, taken numeric;
--          no row if all is well
-- Index    products_pkey, reservations_product_id_idx, returns_purchase_id_idx
-- Locks    products, reservations, returns AccessShareLock
SELECT /* catalog/invariants/stock */
    products.id AS product_id, products.stock, products.supplied, coalesce(taken.quantity, 0) AS taken
FROM products
LEFT JOIN (
    SELECT
        product_id,
        sum(
            quantity - coalesce((
                SELECT sum(returns.quantity)
                FROM returns
                WHERE returns.purchase_id = reservations.purchase_id
            ), 0)
        ) AS quantity
    FROM reservations
    WHERE product_id > coalesce($1::bigint, 0)
        AND product_id <= coalesce($2::bigint, 9223372036854775807)
        AND status IN ('reserved', 'confirmed')
    GROUP BY product_id
) AS taken ON taken.product_id = products.id
WHERE products.id > coalesce($1::bigint, 0)
    AND products.id <= coalesce($2::bigint, 9223372036854775807)
    AND products.stock <> products.supplied - coalesce(taken.quantity, 0)
ORDER BY products.id
LIMIT $3::bigint;
