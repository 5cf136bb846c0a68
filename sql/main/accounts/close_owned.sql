-- Close all accounts of a leaving user, which are locked by this unit of work and empty.
--
-- $1 owner_id  bigint  users.id
--
-- Returns  none
-- Index    accounts_owner_id_idx
-- Locks    accounts RowShareLock, RowExclusiveLock; changes AccessShareLock, RowExclusiveLock
UPDATE /* main/accounts/close_owned */ accounts
SET status = 'closed'
WHERE owner_id = $1::bigint
    AND status <> 'closed';
