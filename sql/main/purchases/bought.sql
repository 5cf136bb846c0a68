-- Check if a user has bought a product or has a pending purchase of it.
--
-- $1 buyer_id    bigint  users.id
-- $2 product_id  bigint  products.id of the catalog
--
-- Returns  found boolean;
--          one row
-- Index    purchases_product_id_idx
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/bought */
    exists(
        SELECT 1
        FROM purchases
        WHERE buyer_id = $1::bigint
            AND product_id = $2::bigint
            AND status <> 'rejected'
    ) AS found;
