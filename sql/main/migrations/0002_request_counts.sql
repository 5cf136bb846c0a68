-- Counters behind the rate limits on registrations and wrong API keys.

CREATE UNLOGGED TABLE request_counts (
    kind text NOT NULL,
    address text NOT NULL,
    count bigint NOT NULL,
    window_ends_at timestamptz NOT NULL,
    CONSTRAINT request_counts_pkey PRIMARY KEY (kind, address)
);
-- request_counts/add: deletes windows that have ended
CREATE INDEX request_counts_window_ends_at_idx ON request_counts (window_ends_at);
COMMENT ON TABLE request_counts IS 'Registrations and wrong API keys per client address in the current minute. Unlogged: a crash resets the counters.';
COMMENT ON COLUMN request_counts.kind IS 'registration or wrong_key.';
COMMENT ON COLUMN request_counts.address IS 'An IPv4 address, or the /64 network of an IPv6 address.';
COMMENT ON COLUMN request_counts.count IS 'Requests of this kind in the window.';
COMMENT ON COLUMN request_counts.window_ends_at IS 'When the counted minute ends. The next request after it starts a new window.';
