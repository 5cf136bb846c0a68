-- The accounts of tests/bench/peers/tutorial.py.

CREATE TABLE accounts (
    id bigint PRIMARY KEY,
    owner text NOT NULL,
    currency text NOT NULL,
    balance bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO accounts (id, owner, currency, balance)
SELECT id, 'u' || id, 'EUR', 1000000000
FROM generate_series(1, 10010) AS made (id);

ANALYZE;
