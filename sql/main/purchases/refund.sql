-- Mark a completed purchase as refunded, locked by this unit of work; the catalog is to be told.
--
-- $1 id     bigint  purchases.id
-- $2 lease  bigint  seconds in which no worker touches it
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock
UPDATE /* main/purchases/refund */ purchases
SET
    status = 'refunded',
    decided_at = clock_timestamp(),
    finished = FALSE,
    leased_until = clock_timestamp() + make_interval(secs => $2::bigint)
WHERE id = $1::bigint
    AND status = 'completed';
