-- Read the server's version, whether this session may write, the settings that decide if a commit survives a crash, and
-- the encoding and locale of the database.
--
-- $ none
--
-- Returns  version text, version_number bigint, standby boolean, read_only boolean, fsync text, full_page_writes text, synchronous_commit text, data_checksums text, encoding text, locale text, indexed_collation text, present_collation text;
--          one row; the settings are those of this session; the versions of the collation, of when the text indexes were
--          built and of now, are null if the locale has none, as C
-- Index    pg_database_datname_index
-- Locks    pg_database AccessShareLock
SELECT /* both/server/state */
    current_setting('server_version') AS version,
    current_setting('server_version_num')::bigint AS version_number,
    pg_is_in_recovery() AS standby,
    current_setting('default_transaction_read_only')::boolean AS read_only,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('data_checksums') AS data_checksums,
    pg_encoding_to_char(database.encoding)::text AS encoding,
    -- PostgreSQL 15 and 16 call the column daticulocale.
    coalesce(
        to_jsonb(database) ->> 'datlocale', to_jsonb(database) ->> 'daticulocale', database.datcollate
    ) AS locale,
    database.datcollversion AS indexed_collation,
    pg_database_collation_actual_version(database.oid) AS present_collation
FROM pg_database AS database
WHERE database.datname = current_database();
