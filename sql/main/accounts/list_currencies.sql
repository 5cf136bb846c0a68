-- List the currencies of accounts.
--
-- $1 ids  bigint[]  accounts.id
--
-- Returns  id bigint, currency text;
--          one row for each account that exists, by id
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock
SELECT /* main/accounts/list_currencies */ id, currency
FROM accounts
WHERE id = ANY($1::bigint[])
ORDER BY id;
