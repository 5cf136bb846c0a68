-- Privileges on the tables of the main database. Run both/roles.sql first: it creates the roles, and revokes earlier
-- grants.
DO $roles$
BEGIN
    IF to_regclass('schema_migrations') IS NULL THEN
        RETURN; -- before the first migration there are no tables
    END IF;

    -- The ledger is only added to. Its triggers refuse changes by the owner as well.
    GRANT SELECT ON transfers, entries TO folio_app;
    GRANT INSERT (
        id, from_account_id, to_account_id, amount, description, created_by, created_at, reverses_id, hold_id, reference,
        reference_by, metadata
    ) ON transfers TO folio_app;
    GRANT INSERT (account_id, version, transfer_id, amount, balance_after, created_at) ON entries TO folio_app;
    GRANT USAGE ON SEQUENCE transfers_id_seq TO folio_app;

    -- The record of changes is only added to, and a trigger adds to it as the owner of the tables.
    GRANT SELECT ON changes TO folio_app;
    GRANT INSERT (at, changed_by, kind, account_id, user_id, api_key_id, before, after) ON changes TO folio_app;

    -- An account opens empty: INSERT cannot set balance, held, minimum or version.
    GRANT SELECT ON accounts TO folio_app;
    GRANT INSERT (owner_id, name, currency) ON accounts TO folio_app;
    GRANT UPDATE (
        owner_id, name, balance, held, minimum, status, version, entered_at
    ) ON accounts TO folio_app;

    -- The status of a hold or a purchase changes; its payer, payee and amount never do.
    GRANT SELECT ON holds, purchases TO folio_app;
    GRANT INSERT (
        from_account_id, to_account_id, amount, description, expires_in, expires_at, created_by, created_at, reference, metadata
    ) ON holds TO folio_app;
    GRANT UPDATE (status) ON holds TO folio_app;
    GRANT INSERT (
        buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, leased_until, reference,
        metadata
    ) ON purchases TO folio_app;
    GRANT UPDATE (
        status, reason, transfer_id, finished, leased_until, decided_at
    ) ON purchases TO folio_app;

    -- A refund is finished, and nothing else of it changes.
    GRANT SELECT ON refunds TO folio_app;
    GRANT INSERT (transfer_id, purchase_id, quantity, finished, leased_until) ON refunds TO folio_app;
    GRANT UPDATE (finished, leased_until) ON refunds TO folio_app;

    -- The answer stored under a key never changes.
    GRANT SELECT ON idempotency_keys TO folio_app;
    GRANT INSERT (
        user_id, key, request_hash, kind, resource_id, shown_account_ids, answer, created_at
    ) ON idempotency_keys TO folio_app;

    -- A user's row stays when the user leaves. An API key is issued and revoked, never deleted. Only the owner makes
    -- operators, so a login that serves can change no role.
    GRANT SELECT ON users, api_keys TO folio_app;
    GRANT INSERT (username, username_key, email, email_key) ON users TO folio_app;
    GRANT UPDATE (
        username, username_key, email, email_key, version, deleted_at, off_sale
    ) ON users TO folio_app;
    GRANT INSERT (user_id, name, digest, read_only, expires_at, issued_by) ON api_keys TO folio_app;
    GRANT UPDATE (revoked_at) ON api_keys TO folio_app;

    -- Posts, counters and old audits may be deleted.
    GRANT SELECT, DELETE ON posts, request_counts, audits, audit_passes TO folio_app;
    GRANT INSERT (author_id, title, content) ON posts TO folio_app;
    GRANT UPDATE (title, content, version, updated_at) ON posts TO folio_app;
    GRANT INSERT (kind, address, count, window_ends_at) ON request_counts TO folio_app;
    GRANT UPDATE (count, window_ends_at) ON request_counts TO folio_app;
    GRANT INSERT (ok, checks, started_at, completed_at) ON audits TO folio_app;
    GRANT INSERT (since, leased_until) ON audit_passes TO folio_app;
    GRANT UPDATE (stage, position, checks, progressed_at, turn, leased_until) ON audit_passes TO folio_app;

    -- A lease is taken and expires; it is never given back.
    GRANT SELECT ON leases TO folio_app;
    GRANT INSERT (name, leased_until) ON leases TO folio_app;
    GRANT UPDATE (leased_until) ON leases TO folio_app;

    -- The catalog refers to ids: Folio checks that none is given again.
    GRANT SELECT ON SEQUENCE users_id_seq, accounts_id_seq, purchases_id_seq TO folio_app;

    GRANT SELECT ON transfer_details, hold_details, purchase_details TO folio_app;

    -- The reader gets neither users.email and email_key, nor api_keys.digest, nor request_counts.address.
    GRANT SELECT ON
    accounts, transfers, entries, holds, purchases, refunds, changes, idempotency_keys, posts, audits, audit_passes, leases,
    transfer_details, hold_details, purchase_details TO folio_reader;
    GRANT SELECT (
        id, username, username_key, role, version, created_at, deleted_at, off_sale
    ) ON users TO folio_reader;
    GRANT SELECT (
        id, user_id, name, read_only, created_at, expires_at, revoked_at, issued_by
    ) ON api_keys TO folio_reader;
    GRANT SELECT (kind, count, window_ends_at) ON request_counts TO folio_reader;
END;
$roles$;
