-- After sql/plans/main.sql: hand its 1,000,000 accounts to users 1 to 1,000 by the rule of tests/bench/requests.py, with an
-- API key for each user, and let every account pay every other one.

INSERT INTO api_keys (user_id, name, digest)
SELECT id, 'bench', sha256(convert_to('folio_' || lpad('u' || id, 43, '0'), 'UTF8'))
FROM users
WHERE id <= 1000;

UPDATE accounts
SET owner_id = 1 + id % 1000, currency = 'EUR', minimum = NULL, status = 'open'
WHERE id <= 1000000;
