-- Find the purchase that a transfer paid.
--
-- $1 transfer_id  bigint  transfers.id
--
-- Returns  id bigint;
--          at most one row
-- Index    purchases_transfer_id_key
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/find_paid */ id
FROM purchases
WHERE transfer_id = $1::bigint;
