-- The login that serves on Folio's embedded server. The setting folio.verifier has the SCRAM verifier of its password. On
-- other servers logins are the DBA's: see sql/README.md. Run it after roles.sql; running it again is safe.
DO $service$
BEGIN
    IF to_regrole('folio_service') IS NULL THEN
        CREATE ROLE folio_service LOGIN IN ROLE folio_app;
    END IF;
    EXECUTE format('ALTER ROLE folio_service PASSWORD %L', current_setting('folio.verifier'));
END;
$service$;
