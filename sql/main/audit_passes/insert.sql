-- Begin an audit of everything, leased by this process.
--
-- $1 seconds  bigint  duration of the lease
--
-- Returns  id bigint, turn bigint, since timestamptz, started_at timestamptz, stage text, position text, checks json;
--          one row
-- Index    none
-- Locks    audit_passes RowExclusiveLock
INSERT /* main/audit_passes/insert */ INTO audit_passes (leased_until)
VALUES (statement_timestamp() + make_interval(secs => $1::bigint))
RETURNING id, turn, since, started_at, stage, position, checks;
