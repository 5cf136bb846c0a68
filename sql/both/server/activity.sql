-- Read the state and the query of these backends, and the backends that block them.
--
-- $1 pids  bigint[]  pg_stat_activity.pid
--
-- Returns  pid bigint, state text, wait_event_type text, wait_event text, query text, query_seconds double precision, blocked_by bigint[];
--          one row for each backend that exists, by pid; query: the first 200 characters of the current or last query;
--          query_seconds: since that query started
-- Index    none
-- Locks    pg_authid, pg_database AccessShareLock
SELECT /* both/server/activity */
    pid::bigint AS pid, state, wait_event_type, wait_event,
    left(query, 200) AS query,
    extract(EPOCH FROM clock_timestamp() - query_start)::double precision AS query_seconds,
    pg_blocking_pids(pid)::bigint[] AS blocked_by
FROM pg_stat_activity
WHERE pid = ANY($1::bigint[])
ORDER BY pid
LIMIT 1000;
