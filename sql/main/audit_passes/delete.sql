-- Delete an audit that has finished.
--
-- $1 id    bigint  audit_passes.id
-- $2 turn  bigint  the lease by which this process works
--
-- Returns  id bigint;
--          one row; none if another process has taken the audit over
-- Index    audit_passes_pkey
-- Locks    audit_passes RowExclusiveLock
DELETE /* main/audit_passes/delete */ FROM audit_passes
WHERE id = $1::bigint
    AND turn = $2::bigint
RETURNING id;
