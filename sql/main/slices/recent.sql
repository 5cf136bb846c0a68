-- Find the ids before the rows that are new since a time.
--
-- $1 since  timestamptz  time from which on the rows were written
--
-- Returns  transfers text, purchases text;
--          one row; the id before the first new row, null if there is none
-- Index    transfers_created_at_idx, purchases_created_at_idx
-- Locks    transfers, purchases AccessShareLock
WITH /* main/slices/recent */ new_transfer AS MATERIALIZED (
    SELECT id
    FROM transfers
    WHERE created_at >= $1::timestamptz
),
new_purchase AS MATERIALIZED (
    SELECT id
    FROM purchases
    WHERE created_at >= $1::timestamptz
)
SELECT
    (SELECT min(id) - 1 FROM new_transfer)::text AS transfers,
    (SELECT min(id) - 1 FROM new_purchase)::text AS purchases;
