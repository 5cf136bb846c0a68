-- Roles of the main database: who owns it, who serves it, who reads it, each with no more than it needs.
--
--   folio_owner   owns every table; migrations run as it
--   folio_app     what `folio serve` may do: each privilege below is one that a file under sql/ uses
--   folio_reader  for people and reports: reads all but digests of keys, e-mail and network addresses
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

    -- The ledger: added to, and never changed. Its triggers refuse changes to the owner as well.
    GRANT SELECT ON transfers, entries TO folio_app;
    GRANT INSERT (
        id, from_account_id, to_account_id, amount, description, created_by, created_at, reverses_id, hold_id
    ) ON transfers TO folio_app;
    GRANT INSERT (account_id, version, transfer_id, amount, balance_after, created_at) ON entries TO folio_app;
    GRANT USAGE ON SEQUENCE transfers_id_seq TO folio_app;

    -- An account opens empty: balance, held, minimum and version are not for INSERT.
    GRANT SELECT ON accounts TO folio_app;
    GRANT INSERT (owner_id, name, currency) ON accounts TO folio_app;
    GRANT UPDATE (
        owner_id, name, balance, held, minimum, status, version, entered_at
    ) ON accounts TO folio_app;

    -- Of a hold or a purchase only its course changes, never who pays whom how much.
    GRANT SELECT ON holds, purchases TO folio_app;
    GRANT INSERT (
        from_account_id, to_account_id, amount, description, expires_in, expires_at, created_by, created_at
    ) ON holds TO folio_app;
    GRANT UPDATE (status) ON holds TO folio_app;
    GRANT INSERT (
        buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, leased_until
    ) ON purchases TO folio_app;
    GRANT UPDATE (
        status, reason, transfer_id, finished, leased_until, decided_at
    ) ON purchases TO folio_app;

    -- The first answer under a key stays the answer.
    GRANT SELECT ON idempotency_keys TO folio_app;
    GRANT INSERT (
        user_id, key, request_hash, kind, resource_id, shown_account_ids, answer, created_at
    ) ON idempotency_keys TO folio_app;

    -- A user's row stays when they leave. A key is issued and revoked.
    GRANT SELECT ON users, api_keys TO folio_app;
    GRANT INSERT (username, username_key, email, email_key) ON users TO folio_app;
    GRANT UPDATE (
        username, username_key, email, email_key, role, version, deleted_at, off_sale
    ) ON users TO folio_app;
    GRANT INSERT (user_id, name, digest, read_only, expires_at) ON api_keys TO folio_app;
    GRANT UPDATE (revoked_at) ON api_keys TO folio_app;

    -- What may be removed: posts, counters, and old findings.
    GRANT SELECT, DELETE ON posts, request_counts, audits TO folio_app;
    GRANT INSERT (author_id, title, content) ON posts TO folio_app;
    GRANT UPDATE (title, content, version, updated_at) ON posts TO folio_app;
    GRANT INSERT (kind, address, count, window_ends_at) ON request_counts TO folio_app;
    GRANT UPDATE (count, window_ends_at) ON request_counts TO folio_app;
    GRANT INSERT (ok, checks) ON audits TO folio_app;

    -- Turns are taken, not given back.
    GRANT SELECT ON leases TO folio_app;
    GRANT INSERT (name, leased_until) ON leases TO folio_app;
    GRANT UPDATE (leased_until) ON leases TO folio_app;

    GRANT SELECT ON transfer_details, hold_details, purchase_details, schema_migrations TO folio_app;

    -- Without users.email, api_keys.digest and request_counts.address.
    GRANT SELECT ON
    accounts, transfers, entries, holds, purchases, idempotency_keys, posts, audits, leases,
    transfer_details, hold_details, purchase_details, schema_migrations TO folio_reader;
    GRANT SELECT (
        id, username, username_key, role, version, created_at, deleted_at, off_sale
    ) ON users TO folio_reader;
    GRANT SELECT (
        id, user_id, name, read_only, created_at, expires_at, revoked_at
    ) ON api_keys TO folio_reader;
    GRANT SELECT (kind, count, window_ends_at) ON request_counts TO folio_reader;
END;
$roles$;
