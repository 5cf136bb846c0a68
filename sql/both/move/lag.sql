-- Read how far the target is behind. Run on the source.
--
-- $ none
--
-- Returns  following boolean, bytes numeric;
--          one row for the slot of the move, none before the subscription; bytes of the write-ahead log that the target
--          has not confirmed
-- Index    pg_database_datname_index, pg_database_oid_index
-- Locks    pg_database AccessShareLock
SELECT /* both/move/lag */
    active AS following,
    pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn) AS bytes
FROM pg_replication_slots
WHERE database = current_database() AND plugin = 'pgoutput' AND slot_name LIKE 'folio\_move%'
ORDER BY slot_name
LIMIT 10;
