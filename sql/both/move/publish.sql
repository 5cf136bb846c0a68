-- Publish the tables of this database, and create the table by which it is handed over. Run on the source, by a
-- superuser. It refuses if logical replication would miss a change.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    pg_class, pg_index AccessShareLock; pg_description RowExclusiveLock; tables ShareUpdateExclusiveLock
DO /* both/move/publish */ $publish$
DECLARE
    without_key text := (
        SELECT string_agg(relname, ', ' ORDER BY relname)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relpersistence = 'p'
            AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
    );
BEGIN
    IF current_setting('wal_level') <> 'logical' THEN
        RAISE EXCEPTION 'wal_level is %, not logical', current_setting('wal_level')
            USING HINT = 'ALTER SYSTEM SET wal_level = logical, and restart the server.';
    END IF;
    IF without_key IS NOT NULL THEN
        RAISE EXCEPTION 'without a primary key no change can be replicated: %', without_key;
    END IF;
    CREATE TABLE handover (name text CONSTRAINT handover_pkey PRIMARY KEY, value bigint);
    COMMENT ON TABLE handover IS 'The last change of a database that moves: its sequences, and its last migration.';
    -- An unlogged table cannot be published. The migrations come with the schema, by pg_dump: DDL is not replicated.
    EXECUTE (
        SELECT format('CREATE PUBLICATION folio_move FOR TABLE %s', string_agg(format('%I', relname), ', '))
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relpersistence = 'p'
            AND relname <> 'schema_migrations'
    );
END;
$publish$;
