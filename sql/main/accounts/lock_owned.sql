-- Lock all accounts of a leaving user, in id order.
--
-- $1 owner_id  bigint  users.id, locked by this unit of work
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row for each account of the owner, by id
-- Index    accounts_owner_id_idx
-- Locks    accounts RowShareLock; its rows FOR NO KEY UPDATE, by id
SELECT /* main/accounts/lock_owned */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE owner_id = $1::bigint
ORDER BY id
FOR NO KEY UPDATE;
