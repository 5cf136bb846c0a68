-- Lock the accounts that a unit of work will touch, always in id order.
--
-- $1 ids  bigint[]  accounts.id
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row for each account that exists, by id
-- Index    accounts_pkey
-- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id
SELECT /* main/accounts/lock */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE id = ANY($1::bigint[])
ORDER BY id
FOR NO KEY UPDATE;
