-- Lease unfinished refunds whose lease has expired, earliest expiry first. The job that leases a refund finishes it.
--
-- $1 seconds  bigint  duration
-- $2 limit    bigint  refunds at most
--
-- Returns  purchase_id bigint;
--          one row for each leased refund
-- Index    refunds_unfinished_idx, refunds_pkey
-- Locks    refunds RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, without waiting
WITH /* main/refunds/lease */ idle AS MATERIALIZED (
    SELECT transfer_id
    FROM refunds
    WHERE NOT finished
        AND leased_until <= statement_timestamp()
    ORDER BY leased_until
    LIMIT $2::bigint
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE refunds
SET leased_until = statement_timestamp() + make_interval(secs => $1::bigint)
FROM idle
WHERE refunds.transfer_id = idle.transfer_id
RETURNING refunds.purchase_id;
