-- The newest account that receives proceeds: Folio compares it with the ids that the main database has given.

-- catalog/database/references
-- On a large table it is built by hand before, with CONCURRENTLY (sql/README.md, "Migrations").
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS products_account_id_idx ON products (account_id);
