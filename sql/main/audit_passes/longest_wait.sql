-- Read for how long the unfinished audit that waits longest has made no progress.
--
-- $ none
--
-- Returns  seconds double precision;
--          one row; 0 if no audit is unfinished
-- Index    none
-- Locks    audit_passes AccessShareLock
SELECT /* main/audit_passes/longest_wait */
    coalesce(
        max(extract(EPOCH FROM clock_timestamp() - coalesce(progressed_at, started_at))), 0
    )::double precision AS seconds
FROM audit_passes;
