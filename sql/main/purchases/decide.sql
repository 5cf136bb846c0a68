-- Mark a pending purchase as completed or rejected, under the locks and after its money was freed.
--
-- $1 id           bigint  purchases.id, locked by this unit of work
-- $2 status       text    completed, rejected
-- $3 reason       text    reason of a rejection; null: completed
-- $4 transfer_id  bigint  transfers.id of its payment; null: rejected
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock; transfers RowShareLock; its row FOR KEY SHARE
UPDATE /* main/purchases/decide */ purchases
SET
    status = $2::text,
    reason = $3::text,
    transfer_id = $4::bigint,
    decided_at = statement_timestamp()
WHERE id = $1::bigint
    AND status = 'pending';
