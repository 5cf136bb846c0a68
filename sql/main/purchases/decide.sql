-- Decide a pending purchase, under the locks and after what it held was freed: completed or rejected.
--
-- $1 id           bigint  purchases.id, locked by this unit of work
-- $2 status       text    completed, rejected
-- $3 reason       text    why it is rejected; null: completed
-- $4 transfer_id  bigint  transfers.id, what paid it; null: rejected
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock; transfers RowShareLock; its row FOR KEY SHARE
UPDATE /* main/purchases/decide */ purchases
SET
    status = $2::text,
    reason = $3::text,
    transfer_id = $4::bigint,
    decided_at = clock_timestamp()
WHERE id = $1::bigint
    AND status = 'pending';
