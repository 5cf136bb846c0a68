-- What each column means whose name does not say it. Nothing else changes.

COMMENT ON TABLE schema_migrations IS 'Which files under sql/catalog/migrations this database has had.';
COMMENT ON COLUMN schema_migrations.version IS 'The number that the file''s name starts with.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file, hexadecimal: a file that changed since is refused.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When this database had it.';

COMMENT ON COLUMN products.currency IS 'ISO 4217, as its account''s. Never changes.';
