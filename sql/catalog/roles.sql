-- Privileges on the tables of the catalog database. Run both/roles.sql first: it creates the roles, and revokes earlier
-- grants.
DO $roles$
BEGIN
    IF to_regclass('schema_migrations') IS NULL THEN
        RETURN; -- before the first migration there are no tables
    END IF;

    -- The seller and currency of a product never change, and its row is never deleted.
    GRANT SELECT ON products TO folio_app;
    GRANT INSERT (
        seller_id, account_id, name, description, price, currency, stock, supplied, created_at, updated_at, idempotency_key
    ) ON products TO folio_app;
    GRANT UPDATE (
        account_id, name, description, price, stock, supplied, version, updated_at, archived_at
    ) ON products TO folio_app;

    -- The status of a reservation changes; its purchase, product and quantity never do.
    GRANT SELECT ON reservations TO folio_app;
    GRANT INSERT (purchase_id, product_id, quantity, status) ON reservations TO folio_app;
    GRANT UPDATE (status, updated_at) ON reservations TO folio_app;

    -- The main database refers to ids: Folio checks that none is given again.
    GRANT SELECT ON SEQUENCE products_id_seq TO folio_app;

    -- A return is never changed.
    GRANT SELECT ON returns TO folio_app;
    GRANT INSERT (refund_id, purchase_id, quantity) ON returns TO folio_app;

    -- Nothing here is secret.
    GRANT SELECT ON products, reservations, returns TO folio_reader;
END;
$roles$;
