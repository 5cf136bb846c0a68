-- Mark a refund as finished: the catalog has taken its quantity back.
--
-- $1 transfer_id  bigint  refunds.transfer_id
--
-- Returns  none
-- Index    refunds_pkey
-- Locks    refunds RowExclusiveLock
UPDATE /* main/refunds/finish */ refunds
SET finished = TRUE
WHERE transfer_id = $1::bigint;
