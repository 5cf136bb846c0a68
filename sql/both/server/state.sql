-- Read the server's version, whether this session may write, and the settings that decide if a commit survives a crash.
--
-- $ none
--
-- Returns  version text, version_number bigint, standby boolean, read_only boolean, fsync text, full_page_writes text, synchronous_commit text, data_checksums text;
--          one row; the settings are those of this session
-- Index    none
-- Locks    none
SELECT /* both/server/state */
    current_setting('server_version') AS version,
    current_setting('server_version_num')::bigint AS version_number,
    pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('data_checksums') AS data_checksums;
