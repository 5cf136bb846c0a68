-- The login that serves on a server of Folio's own, with the password of the superuser who runs this. Elsewhere logins are
-- the DBA's: sql/README.md says how they are made. After roles.sql, as often as wanted.
DO $service$
BEGIN
    IF to_regrole('folio_service') IS NULL THEN
        CREATE ROLE folio_service LOGIN IN ROLE folio_app;
    END IF;
    -- As it is stored: a SCRAM verifier does not depend on the name, and no password is sent.
    EXECUTE (
        SELECT format('ALTER ROLE folio_service PASSWORD %L', rolpassword)
        FROM pg_authid
        WHERE rolname = CURRENT_USER
    );
END;
$service$;
