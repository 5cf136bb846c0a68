-- Mark a completed purchase, locked by this unit of work, as refunded and unfinished: the catalog must be told.
--
-- $1 id     bigint  purchases.id
-- $2 lease  bigint  seconds during which no job takes it
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock
UPDATE /* main/purchases/refund */ purchases
SET
    status = 'refunded',
    decided_at = statement_timestamp(),
    finished = FALSE,
    leased_until = statement_timestamp() + make_interval(secs => $2::bigint)
WHERE id = $1::bigint
    AND status = 'completed';
