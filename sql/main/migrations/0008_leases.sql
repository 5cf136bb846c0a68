-- Leases: what must be done once, however many processes serve.

CREATE TABLE leases (
    name text CONSTRAINT leases_pkey PRIMARY KEY,
    leased_until timestamptz NOT NULL
);
COMMENT ON TABLE leases IS 'Who took the last turn at what any process may do and only one should: the scheduled audit.';
COMMENT ON COLUMN leases.leased_until IS 'Until when the turn lasts; after that, any process may take the next one.';
