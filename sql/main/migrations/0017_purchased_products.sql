-- The newest product that a purchase names: Folio compares it with the ids that the catalog has given.

-- main/database/references
-- On a large table it is built by hand before, with CONCURRENTLY (sql/README.md, "Migrations").
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS purchases_product_idx ON purchases (product_id);
