-- Roles of both databases: the owner, the application and the reader, each with the privileges that it needs and no
-- others.
--
--   folio_owner   owns every table; migrations run as this role
--   folio_app     runs `folio serve`: each of its privileges is used by a file under sql/
--   folio_reader  for people and reports: reads everything except digests of keys, e-mail and network addresses
--
-- None of them can log in. Grant them to logins of your own: CREATE ROLE folio_service LOGIN IN ROLE folio_app.
--
-- Run this file and then <database>/roles.sql in each database, in one transaction:
--
--     psql -1 -d folio_main -f sql/both/roles.sql -f sql/main/roles.sql
--
-- as a superuser, or as the database's owner with CREATEROLE: once before the first migration, to create the roles, and
-- again after each migration, to grant privileges on new tables. A service that runs meanwhile has either the old
-- privileges or the new ones. Roles belong to the whole server, so two databases on one server share them; privileges
-- belong to the database.
DO $roles$
DECLARE
    object text;
BEGIN
    -- Changing an owner waits for open transactions on the table, and all later ones wait behind it: give up soon, and
    -- run the files again.
    PERFORM set_config('lock_timeout', '5s', TRUE);

    IF to_regrole('folio_owner') IS NULL THEN
        CREATE ROLE folio_owner;
        COMMENT ON ROLE folio_owner IS 'Owns the tables of Folio and migrates them.';
    END IF;
    IF to_regrole('folio_app') IS NULL THEN
        CREATE ROLE folio_app;
        COMMENT ON ROLE folio_app IS 'Serves Folio: runs no DDL, and only adds to the ledger.';
    END IF;
    IF to_regrole('folio_reader') IS NULL THEN
        CREATE ROLE folio_reader;
        COMMENT ON ROLE folio_reader IS 'Reads Folio, without its secrets.';
    END IF;
    -- Without being a superuser, a role can give a table only to a role whose privileges it has.
    IF NOT pg_has_role('folio_owner', 'USAGE') THEN
        BEGIN
            GRANT folio_owner TO CURRENT_USER;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE insufficient_privilege USING
                MESSAGE = format('%I may not grant folio_owner', current_user),
                HINT = format(
                    'Run this file as the role that created folio_owner: %s.',
                    coalesce(
                        (
                            SELECT string_agg(member::regrole::text, ', ' ORDER BY member)
                            FROM pg_auth_members
                            WHERE roleid = 'folio_owner'::regrole AND admin_option
                        ),
                        'a superuser'
                    )
                );
        END;
    END IF;

    -- The state and age of another role's session that blocks the application, for GET /ops/pools. Without this
    -- privilege the application serves, and shows the session's user and application only.
    IF NOT pg_has_role('folio_app', 'pg_read_all_stats', 'MEMBER') THEN
        IF pg_has_role('pg_read_all_stats', 'MEMBER WITH ADMIN OPTION') THEN
            GRANT pg_read_all_stats TO folio_app;
        ELSE
            RAISE NOTICE 'A superuser may: GRANT pg_read_all_stats TO folio_app.';
        END IF;
    END IF;

    -- Only the owner creates temporary tables or objects in the schema.
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC, folio_app, folio_reader', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO folio_owner, folio_app, folio_reader', current_database());
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM folio_app, folio_reader', current_schema());
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO folio_owner', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO folio_app, folio_reader', current_schema());
    ALTER DEFAULT PRIVILEGES FOR ROLE folio_owner REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

    -- Everything in the schema, except extensions, becomes folio_owner's, whichever role migrated. A sequence follows
    -- its table.
    FOR object IN
        SELECT format('TABLE %s', oid::regclass)
        FROM pg_class
        WHERE relnamespace = current_schema()::regnamespace
            AND relkind IN ('r', 'p', 'v')
            AND relowner <> 'folio_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        UNION ALL
        SELECT format('ROUTINE %s', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace
            AND proowner <> 'folio_owner'::regrole
            AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('ALTER %s OWNER TO folio_owner', object);
    END LOOP;

    -- Earlier grants are revoked: <database>/roles.sql states all privileges.
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM folio_app, folio_reader', current_schema());
    EXECUTE format('REVOKE ALL ON ALL SEQUENCES IN SCHEMA %I FROM folio_app, folio_reader', current_schema());
    IF to_regclass('schema_migrations') IS NULL THEN
        RAISE NOTICE 'The roles exist, but no tables yet: run roles.sql again after folio migrate.';
    ELSE
        GRANT SELECT ON schema_migrations TO folio_app, folio_reader;
    END IF;
END;
$roles$;
