-- Read the root blockers of these backends: the backends that block them, directly or through others, and wait for no
-- lock themselves.
--
-- $1 pids  bigint[]  pg_stat_activity.pid
--
-- Returns  pid bigint, username text, application text, database text, client text, state text, state_seconds double precision, transaction_seconds double precision, query text;
--          one row for each root blocker, the oldest transaction first; pid: 0 for a prepared transaction, with all else
--          null; client: null on a Unix socket; state_seconds: since the state began; query: the first 200 characters of
--          the current or last query. Only pid, username, application and database are known of another role's backend
--          unless this role has pg_read_all_stats
-- Index    none
-- Locks    pg_authid, pg_database AccessShareLock
WITH /* both/server/blockers */ RECURSIVE waits (pid, blocked_by) AS (
    SELECT pid, pg_blocking_pids(pid)
    FROM unnest($1::bigint[]::integer[]) AS backends (pid)
    UNION
    -- DISTINCT: pg_blocking_pids stops the lock manager for a moment, so it runs once for each backend of a step.
    SELECT pid, pg_blocking_pids(pid)
    FROM (SELECT DISTINCT unnest(blocked_by) AS pid FROM waits) AS blockers
)
SELECT
    roots.pid::bigint AS pid,
    activity.usename::text AS username,
    activity.application_name AS application,
    activity.datname::text AS database,
    host(activity.client_addr) AS client,
    activity.state,
    extract(EPOCH FROM clock_timestamp() - activity.state_change)::double precision AS state_seconds,
    extract(EPOCH FROM clock_timestamp() - activity.xact_start)::double precision AS transaction_seconds,
    CASE WHEN activity.state IS NOT NULL THEN left(activity.query, 200) END AS query
FROM (
    SELECT unnest(blocked_by) AS pid FROM waits
    EXCEPT
    SELECT pid
    FROM waits
    WHERE cardinality(blocked_by) > 0
) AS roots
LEFT JOIN pg_stat_activity AS activity ON activity.pid = roots.pid
ORDER BY activity.xact_start, roots.pid
LIMIT 100;
