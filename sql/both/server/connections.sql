-- Count the open connections of the server: Folio's, by application_name, and all others.
--
-- $ none
--
-- Returns  folio bigint, others bigint;
--          one row; connections of this process are not counted
-- Index    none
-- Locks    pg_authid, pg_database AccessShareLock
SELECT /* both/server/connections */
    count(*) FILTER (WHERE starts_with(application_name, 'folio ')) AS folio,
    count(*) FILTER (WHERE NOT starts_with(application_name, 'folio ')) AS others
FROM pg_stat_activity
WHERE split_part(application_name, ' ', 3) <> split_part(current_setting('application_name'), ' ', 3)
    AND datid IS NOT NULL
    -- Null for sessions of other roles, unless this role may read all statistics.
    AND coalesce(backend_type, 'client backend') = 'client backend';
