-- The login that serves on Folio's embedded server. The setting folio.verifier has the SCRAM verifier of its password. On
-- other servers logins are the DBA's: see sql/README.md. Run it after roles.sql; running it again is safe.
DO $service$
BEGIN
    IF to_regrole('folio_service') IS NULL THEN
        CREATE ROLE folio_service LOGIN IN ROLE folio_app;
    END IF;
    EXECUTE format('ALTER ROLE folio_service PASSWORD %L', current_setting('folio.verifier'));
    -- Each session of Folio sets its budgets itself; those of the login hold for every other session of it.
    ALTER ROLE folio_service SET statement_timeout = '5s';
    ALTER ROLE folio_service SET lock_timeout = '2s';
    ALTER ROLE folio_service SET idle_in_transaction_session_timeout = '10s';
    ALTER ROLE folio_service SET transaction_timeout = '15s';
END;
$service$;
