-- Count the connections that the server has now: Folio's, by their application_name, and others.
--
-- $ none
--
-- Returns  folio bigint, others bigint;
--          one row, without those of this process
-- Index    none
-- Locks    pg_authid, pg_database AccessShareLock
SELECT /* both/server/connections */
    count(*) FILTER (WHERE starts_with(application_name, 'folio ')) AS folio,
    count(*) FILTER (WHERE NOT starts_with(application_name, 'folio ')) AS others
FROM pg_stat_activity
WHERE split_part(application_name, ' ', 3) <> split_part(current_setting('application_name'), ' ', 3)
    AND datid IS NOT NULL
    -- Not for everybody to know, of sessions that are not their own.
    AND coalesce(backend_type, 'client backend') = 'client backend';
