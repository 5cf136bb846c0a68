-- Read which database this is: the identifier of its cluster, and its own within the cluster.
--
-- $ none
--
-- Returns  cluster text, database bigint;
--          one row; a standby has the identifiers of its primary
-- Index    pg_database_datname_index
-- Locks    pg_database AccessShareLock
SELECT /* both/server/identity */
    (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
    oid::bigint AS database
FROM pg_database
WHERE datname = current_database();
