-- List the unfinished refunds of a purchase.
--
-- $1 purchase_id  bigint  purchases.id
--
-- Returns  transfer_id bigint, quantity bigint;
--          one row for each unfinished refund, by transfer
-- Index    refunds_purchase_id_idx
-- Locks    refunds AccessShareLock
SELECT /* main/refunds/list_unfinished */ transfer_id, quantity
FROM refunds
WHERE purchase_id = $1::bigint
    AND NOT finished
ORDER BY transfer_id;
