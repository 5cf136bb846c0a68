-- Lease an unfinished audit whose lease has expired: first one of what is new, then the oldest.
--
-- $1 seconds  bigint  duration of the lease
--
-- Returns  id bigint, turn bigint, since timestamptz, started_at timestamptz, stage text, position text, checks json;
--          at most one row
-- Index    audit_passes_pkey
-- Locks    audit_passes AccessShareLock, RowExclusiveLock
UPDATE /* main/audit_passes/take */ audit_passes
SET
    turn = turn + 1,
    leased_until = statement_timestamp() + make_interval(secs => $1::bigint)
FROM (
    SELECT id
    FROM audit_passes
    WHERE leased_until <= statement_timestamp()
    ORDER BY since DESC NULLS LAST, id ASC
    LIMIT 1
) AS idle
WHERE audit_passes.id = idle.id
    AND audit_passes.leased_until <= statement_timestamp()
RETURNING
    audit_passes.id, audit_passes.turn, audit_passes.since, audit_passes.started_at, audit_passes.stage,
    audit_passes.position, audit_passes.checks;
