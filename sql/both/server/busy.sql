-- Tell if a backend of the database works for a client other than an audit, or did until a moment ago.
--
-- $1 milliseconds  bigint  length of that moment
--
-- Returns  busy boolean;
--          one row; sessions of other roles do not count, unless this role may read all statistics
-- Index    none
-- Locks    pg_authid, pg_database AccessShareLock
SELECT /* both/server/busy */ count(*) > 0 AS busy
FROM pg_stat_activity
WHERE datname = current_database()
    AND backend_type = 'client backend'
    AND NOT starts_with(application_name, 'folio audit ')
    AND (
        state = 'active'
        OR state_change > clock_timestamp() - $1::bigint * interval '1 millisecond'
    );
