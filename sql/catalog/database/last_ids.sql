-- Read the last id that the sequence of the products gave.
--
-- $ none
--
-- Returns  products bigint;
--          one row; 0 if none was given
-- Index    none
-- Locks    none
SELECT /* catalog/database/last_ids */ last_value - (NOT is_called)::int AS products
FROM products_id_seq;
