-- Tables that grow for years: room for balance updates, vacuums by the size of what changed, smaller indexes, and an
-- append-only ledger under logical replication, too.

-- A balance is updated in place (HOT) if its page has room for the new version.
ALTER TABLE accounts SET (fillfactor = 90);
ALTER TABLE accounts SET (autovacuum_vacuum_scale_factor = 0.02);

-- By default a table is vacuumed after a fifth of it was inserted: in a large table, a long time without visibility map,
-- statistics and frozen rows.
ALTER TABLE transfers SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.01);
ALTER TABLE entries SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.01);
ALTER TABLE idempotency_keys SET (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.01);

-- Logical replication applies row by row and fires no statement trigger.
-- From here on, tables are locked in the order in which a transfer locks them: entries, keys, transfers.
CREATE TRIGGER entries_append_only_row BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE entries ENABLE ALWAYS TRIGGER entries_append_only_row;

-- maintenance/delete_keys. Keys are inserted in order of time, so a summary of each page range is enough: kilobytes for
-- millions of keys. Where idempotency_keys is large, build it CONCURRENTLY before the upgrade.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS idempotency_keys_created_at_idx ON idempotency_keys
USING brin (created_at) WITH (autosummarize = on);
COMMENT ON TABLE idempotency_keys IS 'The first answer under each Idempotency-Key. Keys never expire, unless the owner of the database deletes old ones.';

-- Few transfers capture a hold: the index has only those. Where transfers is large, build it CONCURRENTLY before the
-- upgrade, under its first name.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX IF NOT EXISTS transfers_captured_hold_id_key ON transfers (hold_id) WHERE hold_id IS NOT NULL;
-- squawk-ignore ban-drop-constraint
ALTER TABLE transfers DROP CONSTRAINT transfers_hold_id_key;
-- squawk-ignore renaming-object
ALTER INDEX transfers_captured_hold_id_key RENAME TO transfers_hold_id_key;

CREATE TRIGGER transfers_append_only_row BEFORE UPDATE OR DELETE ON transfers
FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE transfers ENABLE ALWAYS TRIGGER transfers_append_only_row;
