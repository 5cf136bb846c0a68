-- Read an account.
--
-- $1 id  bigint  accounts.id
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          at most one row
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock
SELECT /* main/accounts/get */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE id = $1::bigint;
