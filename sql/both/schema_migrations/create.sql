-- Create the table that records applied migrations, unless it exists.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    none
CREATE /* both/schema_migrations/create */ TABLE IF NOT EXISTS schema_migrations (
    version bigint CONSTRAINT schema_migrations_pkey PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
