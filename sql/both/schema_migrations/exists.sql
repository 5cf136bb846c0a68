-- Check if this database has the table that records migrations.
--
-- $ none
--
-- Returns  found boolean;
--          one row
-- Index    none
-- Locks    none
SELECT /* both/schema_migrations/exists */ to_regclass('schema_migrations') IS NOT NULL AS found;
