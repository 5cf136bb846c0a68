-- Leases on jobs that one process at a time runs, such as the scheduled audit.

CREATE TABLE leases (
    name text CONSTRAINT leases_pkey PRIMARY KEY,
    leased_until timestamptz NOT NULL
);
COMMENT ON TABLE leases IS 'Named, time-limited leases: they let one process at a time run a job, such as the scheduled audit.';
COMMENT ON COLUMN leases.leased_until IS 'When the lease ends. After that any process may take it.';
