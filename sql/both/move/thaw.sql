-- Take writes again after a switch that failed. Run on the source, by a superuser whose session may write. It refuses
-- if the target does not follow, because it may have taken over.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    pg_database AccessShareLock, RowExclusiveLock; handover, pg_db_role_setting RowExclusiveLock
DO /* both/move/thaw */ $thaw$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_replication_slots
        WHERE database = current_database() AND plugin = 'pgoutput' AND slot_name LIKE 'folio\_move%' AND active
    ) THEN
        RAISE EXCEPTION 'the target does not follow: it may have taken over'
            USING HINT = 'If it certainly has not, see "Give the move up" in docs/moving.md.';
    END IF;
    DELETE FROM handover;
    EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database());
    EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT -1', current_database());
END;
$thaw$;
