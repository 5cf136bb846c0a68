-- Update the name, owner, minimum and status of an account that this unit of work has locked.
--
-- $1 id        bigint  accounts.id
-- $2 name      text
-- $3 owner_id  bigint  users.id
-- $4 minimum   bigint  minor units; null: unlimited
-- $5 status    text    open, frozen, closed
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row
-- Index    accounts_pkey
-- Locks    accounts RowShareLock, RowExclusiveLock; users RowShareLock; its row FOR KEY SHARE; changes AccessShareLock, RowExclusiveLock
UPDATE /* main/accounts/update */ accounts
SET
    name = $2::text,
    owner_id = $3::bigint,
    minimum = $4::bigint,
    status = $5::text
WHERE id = $1::bigint
RETURNING id, owner_id, name, currency, balance, held, minimum, status, version, created_at;
