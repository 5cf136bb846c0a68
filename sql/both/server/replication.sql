-- Read the part of this server in replication: primary or standby, how far behind, and which standbys a commit waits for.
--
-- $ none
--
-- Returns  standby boolean, seconds_behind numeric, synchronous_standbys text;
--          one row; seconds_behind: null on a primary, 0 on a standby that has replayed all that it received, and null
--          before its first transaction
-- Index    none
-- Locks    none
SELECT /* both/server/replication */
    pg_is_in_recovery() AS standby,
    CASE
        WHEN NOT pg_is_in_recovery() THEN NULL
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END AS seconds_behind,
    current_setting('synchronous_standby_names') AS synchronous_standbys;
