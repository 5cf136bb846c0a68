-- List the databases of the server.
--
-- $ none
--
-- Returns  name text;
--          one row for each database, by name
-- Index    pg_database_datname_index
-- Locks    pg_database AccessShareLock
SELECT /* both/server/list_databases */ datname::text AS name
FROM pg_database
ORDER BY datname
LIMIT 10000;
