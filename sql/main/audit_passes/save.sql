-- Store the progress of an audit, and renew its lease or end it.
--
-- $1 id        bigint  audit_passes.id
-- $2 turn      bigint  the lease by which this process works
-- $3 stage     text    part in progress
-- $4 position  text    end of its last slice; null: none was read
-- $5 checks    text    findings, as JSON
-- $6 seconds   bigint  duration of the lease from now on; 0: another process may go on
--
-- Returns  id bigint;
--          one row; none if another process has taken the audit over
-- Index    audit_passes_pkey
-- Locks    audit_passes RowExclusiveLock
UPDATE /* main/audit_passes/save */ audit_passes
SET
    stage = $3::text,
    position = $4::text,
    checks = $5::text::json,
    progressed_at = statement_timestamp(),
    leased_until = statement_timestamp() + make_interval(secs => $6::bigint)
WHERE id = $1::bigint
    AND turn = $2::bigint
RETURNING id;
