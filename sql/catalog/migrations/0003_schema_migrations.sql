-- Comments on the table that both/schema_migrations/create makes before the first migration.

COMMENT ON TABLE schema_migrations IS 'Migrations of sql/catalog/migrations that were applied to this database.';
COMMENT ON COLUMN schema_migrations.version IS 'The number that the file''s name starts with.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file, hexadecimal. A file that changed since it was applied is refused.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When the migration was applied to this database.';
