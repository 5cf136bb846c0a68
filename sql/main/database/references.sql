-- Read the largest id of the catalog that main refers to.
--
-- $ none
--
-- Returns  products bigint;
--          one row; 0 if main refers to none
-- Index    purchases_product_idx
-- Locks    purchases AccessShareLock
SELECT /* main/database/references */ coalesce(max(product_id), 0) AS products
FROM purchases;
