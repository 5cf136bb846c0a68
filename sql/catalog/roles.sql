-- Roles of the catalog database: who owns it, who serves it, who reads it, each with no more than it needs.
--
--   folio_owner   owns every table; migrations run as it
--   folio_app     what `folio serve` may do: each privilege below is one that a file under sql/ uses
--   folio_reader  for people and reports: reads all
--
-- None of them logs in. Give each to logins of your own: CREATE ROLE folio_service LOGIN IN ROLE folio_app.
-- Run this file with psql --file, as a superuser, or as the database's owner with CREATEROLE: before the first migration
-- it makes the roles, and after each one it gives them what came new. It is one statement: a service that runs meanwhile
-- finds either the old privileges or the new. Roles are of the whole server, so that two databases of one server share
-- them; privileges are of this database.
DO $roles$
DECLARE
    object text;
BEGIN
    -- Changing an owner waits for whoever uses the table, and all others behind it: give up soon, and run it again.
    PERFORM set_config('lock_timeout', '5s', TRUE);

    IF to_regrole('folio_owner') IS NULL THEN
        CREATE ROLE folio_owner;
        COMMENT ON ROLE folio_owner IS 'Owns the tables of Folio and migrates them.';
    END IF;
    IF to_regrole('folio_app') IS NULL THEN
        CREATE ROLE folio_app;
        COMMENT ON ROLE folio_app IS 'Serves Folio: no DDL, and the ledger is only added to.';
    END IF;
    IF to_regrole('folio_reader') IS NULL THEN
        CREATE ROLE folio_reader;
        COMMENT ON ROLE folio_reader IS 'Reads Folio, without its secrets.';
    END IF;
    -- Who is no superuser can give a table only to a role whose rights they have.
    IF NOT pg_has_role('folio_owner', 'USAGE') THEN
        GRANT folio_owner TO CURRENT_USER;
    END IF;

    -- No temporary tables, and nothing made in the schema, but by the owner.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, folio_app, folio_reader', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO folio_owner, folio_app, folio_reader', current_database());
    REVOKE ALL ON SCHEMA public FROM folio_app, folio_reader;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    GRANT USAGE, CREATE ON SCHEMA public TO folio_owner;
    GRANT USAGE ON SCHEMA public TO folio_app, folio_reader;
    ALTER DEFAULT PRIVILEGES FOR ROLE folio_owner REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

    -- Whoever migrated: what stands in the schema is the owner's, but for extensions. A sequence goes with its table.
    FOR object IN
        SELECT format('TABLE %s', oid::regclass)
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p', 'v')
            AND relowner <> 'folio_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        UNION ALL
        SELECT format('ROUTINE %s', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
            AND proowner <> 'folio_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER %s OWNER TO folio_owner', object);
    END LOOP;

    -- From here on nothing is left of what was granted before.
    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM folio_app, folio_reader;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM folio_app, folio_reader;
    IF to_regclass('schema_migrations') IS NULL THEN
        RAISE NOTICE 'The roles are there, and no tables yet: run this again after folio migrate.';
        RETURN;
    END IF;

    -- A product's seller and currency stay, and so does its row.
    GRANT SELECT ON products TO folio_app;
    GRANT INSERT (
        seller_id, account_id, name, description, price, currency, stock, created_at, updated_at, idempotency_key
    ) ON products TO folio_app;
    GRANT UPDATE (
        account_id, name, description, price, stock, version, updated_at, archived_at
    ) ON products TO folio_app;

    -- Of a reservation only its course changes.
    GRANT SELECT ON reservations TO folio_app;
    GRANT INSERT (purchase_id, product_id, quantity, status) ON reservations TO folio_app;
    GRANT UPDATE (status, updated_at) ON reservations TO folio_app;

    GRANT SELECT ON schema_migrations TO folio_app;

    -- Nothing here is secret.
    GRANT SELECT ON products, reservations, schema_migrations TO folio_reader;
END;
$roles$;
