-- Count the connections that the server has now: Folio's, by their application_name, and others.
--
-- $ none
--
-- Returns  folio bigint, others bigint;
--          one row, without this connection
-- Index    none
-- Locks    pg_authid and pg_database AccessShareLock
SELECT /* both/server/connections */
    count(*) FILTER (WHERE starts_with(application_name, 'folio ')) AS folio,
    count(*) FILTER (WHERE NOT starts_with(application_name, 'folio ')) AS others
FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
    AND usesysid IS NOT NULL
    AND coalesce(backend_type, 'client backend') = 'client backend';
