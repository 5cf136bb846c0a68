-- Write a refund that was decided and paid under the locks. One that returns nothing to stock is finished.
--
-- $1 transfer_id  bigint  transfers.id
-- $2 purchase_id  bigint  purchases.id, locked by this unit of work
-- $3 quantity     bigint  back to stock
-- $4 lease        bigint  seconds during which no job takes it
--
-- Returns  none
-- Index    none
-- Locks    transfers RowShareLock; its row FOR KEY SHARE; purchases RowShareLock; its row FOR KEY SHARE;
--          refunds RowExclusiveLock
INSERT /* main/refunds/insert */ INTO refunds (transfer_id, purchase_id, quantity, finished, leased_until)
VALUES (
    $1::bigint, $2::bigint, $3::bigint, $3::bigint = 0, statement_timestamp() + make_interval(secs => $4::bigint)
);
