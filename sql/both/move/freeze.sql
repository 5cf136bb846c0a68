-- Refuse every write to this database and every login but a superuser's, from the next session on. Run by a superuser:
-- on the target before Folio can find it, and on the source when the switch begins.
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
