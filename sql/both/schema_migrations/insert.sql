-- Record a migration, in the transaction that applies it.
--
-- $1 version   bigint  the number that the file's name starts with
-- $2 name      text    the file's name
-- $3 checksum  text    SHA-256 of the file, hexadecimal
--
-- Returns  none
-- Index    none
-- Locks    schema_migrations RowExclusiveLock
INSERT /* both/schema_migrations/insert */ INTO schema_migrations (version, name, checksum)
VALUES ($1::bigint, $2::text, $3::text);
