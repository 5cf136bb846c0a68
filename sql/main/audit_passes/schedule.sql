-- Begin an audit for any process to go on with, unless one of its kind is unfinished.
--
-- $1 since  timestamptz  time from which on it reads rows; null: it reads all
--
-- Returns  none
-- Index    none
-- Locks    audit_passes AccessShareLock, RowExclusiveLock
WITH /* main/audit_passes/schedule */ unfinished AS MATERIALIZED (
    SELECT id
    FROM audit_passes
    WHERE (since IS NULL) = ($1::timestamptz IS NULL)
)
INSERT INTO audit_passes (since, leased_until)
SELECT $1::timestamptz, statement_timestamp()
WHERE NOT EXISTS (SELECT FROM unfinished);
