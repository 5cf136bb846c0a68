-- End every session of this frozen database, wait until the target has all changes, and write the last one: the values
-- of the sequences, and the number of the last migration. Run on the source, by a superuser whose session may write. It
-- refuses if a write could still follow, or if the target would lack a table.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    pg_authid, pg_class, pg_database, pg_db_role_setting, pg_namespace, pg_publication, pg_publication_rel,
--          pg_sequence, schema_migrations AccessShareLock; handover RowExclusiveLock
DO /* both/move/hand_over */ $hand_over$
DECLARE
    begin_time constant timestamptz := clock_timestamp();
    position_of_source pg_lsn;
    unpublished text;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_db_role_setting AS setting
        JOIN pg_database AS frozen ON frozen.oid = setting.setdatabase
        WHERE frozen.datname = current_database() AND frozen.datconnlimit = 0 AND setting.setrole = 0
            AND 'default_transaction_read_only=on' = ANY(setting.setconfig)
    ) THEN
        RAISE EXCEPTION '% is not frozen', current_database() USING HINT = 'Run sql/both/move/freeze.sql first.';
    END IF;
    SELECT string_agg(relname, ', ' ORDER BY relname) INTO unpublished
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relpersistence = 'p'
        AND relname <> 'schema_migrations'
        AND NOT EXISTS (
            SELECT FROM pg_publication_rel AS published
            JOIN pg_publication AS publication ON publication.oid = published.prpubid
            WHERE published.prrelid = pg_class.oid AND publication.pubname = 'folio_move'
        );
    IF unpublished IS NOT NULL THEN
        RAISE EXCEPTION 'tables that are younger than the publication: %', unpublished;
    END IF;
    IF EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) THEN
        RAISE EXCEPTION 'a prepared transaction can still be committed'
            USING HINT = 'Commit or roll back what pg_prepared_xacts shows.';
    END IF;

    -- A session that is starting may have read its settings before the freeze. It locks its database until it is listed
    -- in pg_stat_activity, so the locks are read first. Every later session is read-only.
    PERFORM pg_terminate_backend(pid, 5000)
    FROM (
        SELECT pid FROM pg_locks
        WHERE locktype = 'object' AND classid = 'pg_database'::regclass
            AND objid = (SELECT oid FROM pg_database WHERE datname = current_database())
        UNION ALL
        SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type <> 'walsender'
    ) AS session
    WHERE pid <> pg_backend_pid();
    PERFORM pg_stat_clear_snapshot();
    IF EXISTS (
        SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type <> 'walsender' AND pid <> pg_backend_pid()
            AND backend_start < begin_time
    ) THEN
        RAISE EXCEPTION 'a session did not end within 5 s';
    END IF;

    -- After a switch that failed, the target must have deleted the old rows of handover before the new ones arrive.
    position_of_source := pg_current_wal_insert_lsn();
    WHILE NOT EXISTS (
        SELECT FROM pg_replication_slots
        WHERE database = current_database() AND plugin = 'pgoutput' AND slot_name LIKE 'folio\_move%'
            AND confirmed_flush_lsn >= position_of_source
    ) LOOP
        IF clock_timestamp() > begin_time + interval '20 seconds' THEN
            RAISE EXCEPTION 'the target has not followed within 20 s'
                USING HINT = 'Run sql/both/move/thaw.sql, and this database serves on. See the log of the target.';
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;

    INSERT INTO handover (name, value)
    SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema()
    UNION ALL
    SELECT 'schema_migrations', max(version) FROM schema_migrations;
END;
$hand_over$;
