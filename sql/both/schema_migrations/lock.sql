-- Wait until no other process migrates this database. The lock is held until the session ends.
--
-- $ none
--
-- Returns  locked void;
--          one row
-- Index    none
-- Locks    advisory 4663154 ExclusiveLock
SELECT /* both/schema_migrations/lock */ pg_advisory_lock(4663154) AS locked;
