-- Refuse every later session of this database but those of superusers, and make these read-only. Run by a superuser: on
-- the target when it is set up, and on the source when the switch begins.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    pg_database, pg_db_role_setting RowExclusiveLock
DO /* both/move/freeze */ $freeze$
BEGIN
    EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 0', current_database());
END;
$freeze$;
