-- List all accounts, newest first, for operators.
--
-- $1 before_time  timestamptz  keyset: accounts.created_at of the last row seen
-- $2 before_id    bigint       keyset: accounts.id of that row
-- $3 limit        bigint       rows at most
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          a page of rows
-- Index    accounts_created_at_idx
-- Locks    accounts AccessShareLock
SELECT /* main/accounts/list */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE (created_at, id) < ($1::timestamptz, $2::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $3::bigint;
