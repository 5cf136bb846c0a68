-- The login that serves on Folio's embedded server, with the password of the superuser that runs this file. On other
-- servers logins are the DBA's: see sql/README.md. Run it after roles.sql; running it again is safe.
DO $service$
BEGIN
    IF to_regrole('folio_service') IS NULL THEN
        CREATE ROLE folio_service LOGIN IN ROLE folio_app;
    END IF;
    -- Copied as stored: a SCRAM verifier does not depend on the role's name, and no password is sent.
    EXECUTE (
        SELECT format('ALTER ROLE folio_service PASSWORD %L', rolpassword)
        FROM pg_authid
        WHERE rolname = CURRENT_USER
    );
END;
$service$;
