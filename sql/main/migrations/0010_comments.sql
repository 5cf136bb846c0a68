-- What each column means whose name does not say it. Nothing else changes.

COMMENT ON TABLE schema_migrations IS 'Which files under sql/main/migrations this database has had.';
COMMENT ON COLUMN schema_migrations.version IS 'The number that the file''s name starts with.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of the file, hexadecimal: a file that changed since is refused.';
COMMENT ON COLUMN schema_migrations.applied_at IS 'When this database had it.';

COMMENT ON COLUMN users.role IS 'member; operator: reads everything and helps others.';

COMMENT ON COLUMN api_keys.expires_at IS 'From when on it is refused. Null: never.';
COMMENT ON COLUMN api_keys.revoked_at IS 'Since when it is refused. Null: it is not revoked.';

COMMENT ON COLUMN request_counts.kind IS 'What is counted: registration, wrong_key.';
COMMENT ON COLUMN request_counts.count IS 'How many in this window.';
COMMENT ON COLUMN request_counts.window_ends_at IS 'When the minute that is counted ends; the next request after it begins another.';

COMMENT ON COLUMN accounts.currency IS 'ISO 4217. Never changes.';
COMMENT ON COLUMN accounts.balance IS 'In minor units of the currency: the sum of the entries, and balance_after of the last.';
COMMENT ON COLUMN accounts.status IS 'open; frozen by an operator, or closed by its owner: no money moves.';

COMMENT ON COLUMN transfers.amount IS 'In minor units of the two accounts'' currency.';
COMMENT ON COLUMN entries.balance_after IS 'The account''s balance with this entry.';

COMMENT ON COLUMN holds.amount IS 'In minor units of the two accounts'' currency.';
COMMENT ON COLUMN holds.expires_at IS 'From when on it is over, if it is still active.';
COMMENT ON COLUMN holds.created_by IS 'Whose request it was.';

COMMENT ON COLUMN purchases.status IS
'pending: its money is held; completed: it is paid; rejected: its money is free again; refunded: it was paid, and paid back.';
COMMENT ON COLUMN purchases.decided_at IS 'When the status became what it is. Null: it is pending.';

COMMENT ON COLUMN idempotency_keys.key IS 'As the client sent it, in the header Idempotency-Key.';

COMMENT ON COLUMN audits.finished_at IS 'When the last of its queries was done.';
COMMENT ON COLUMN audits.ok IS 'Whether no query returned a row.';
