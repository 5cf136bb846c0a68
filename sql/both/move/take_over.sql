-- Wait for the last change of the source, set the sequences to its values, end the subscription, and take writes. Run
-- on the target, by a superuser whose session may write. It refuses, and changes nothing, if a table or a migration is
-- missing.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    pg_class, pg_subscription_rel, schema_migrations AccessShareLock;
--          handover AccessShareLock, AccessExclusiveLock;
--          pg_database, pg_db_role_setting, pg_replication_origin, pg_subscription RowExclusiveLock
DO /* both/move/take_over */ $take_over$
DECLARE
    begin_time constant timestamptz := clock_timestamp();
    incomplete text;
    migration bigint;
BEGIN
    WHILE NOT EXISTS (SELECT FROM handover) LOOP
        IF clock_timestamp() > begin_time + interval '20 seconds' THEN
            RAISE EXCEPTION 'the last change of the source has not arrived within 20 s'
                USING HINT = 'Run sql/both/move/hand_over.sql on the source first. See the log of this server.';
        END IF;
        PERFORM pg_sleep(0.02);
    END LOOP;
    SELECT string_agg(relname, ', ' ORDER BY relname) INTO incomplete
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND relpersistence = 'p'
        AND relname <> 'schema_migrations'
        AND NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = pg_class.oid AND srsubstate = 'r');
    IF incomplete IS NOT NULL THEN
        RAISE EXCEPTION 'tables that are not copied: %', incomplete
            USING HINT = 'Run sql/both/move/thaw.sql on the source.';
    END IF;
    SELECT max(version) INTO migration FROM schema_migrations;
    IF migration IS DISTINCT FROM (SELECT value FROM handover WHERE name = 'schema_migrations') THEN
        RAISE EXCEPTION 'the source was migrated during the move, and this database was not'
            USING HINT = 'Run sql/both/move/thaw.sql on the source, and move again from the start.';
    END IF;

    PERFORM setval(format('%I', name)::regclass, value)
    FROM handover
    WHERE name <> 'schema_migrations' AND value IS NOT NULL;
    DROP TABLE handover;
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database());
    -- Last, because a rollback restores the subscription without its position. The slot is dropped on the source, which
    -- may be away.
    ALTER SUBSCRIPTION folio_move DISABLE;
    ALTER SUBSCRIPTION folio_move SET (slot_name = NONE);
    DROP SUBSCRIPTION folio_move;
END;
$take_over$;
