-- Mark a completed purchase, locked by this unit of work, as refunded: the whole amount was paid back.
--
-- $1 id  bigint  purchases.id
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock
UPDATE /* main/purchases/refund */ purchases
SET
    status = 'refunded',
    decided_at = statement_timestamp()
WHERE id = $1::bigint
    AND status = 'completed';
