-- List the migrations that were applied to this database.
--
-- $ none
--
-- Returns  version bigint, name text, checksum text, applied_at timestamptz;
--          one row for each applied migration, by version
-- Index    schema_migrations_pkey
-- Locks    schema_migrations AccessShareLock
SELECT /* both/schema_migrations/list */ version, name, checksum, applied_at
FROM schema_migrations
ORDER BY version
LIMIT 10000;
