-- The audit adds up the reservations of a range of products.

-- Where reservations is large, build it CONCURRENTLY before the upgrade.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS reservations_product_id_idx ON reservations (product_id, purchase_id);
