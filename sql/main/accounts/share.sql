-- Wait until no other unit of work writes entries of an account, and block new ones until this unit of work ends.
--
-- $1 id  bigint  accounts.id
--
-- Returns  none
-- Index    accounts_pkey
-- Locks    accounts RowShareLock; its row FOR SHARE
SELECT /* main/accounts/share */
FROM accounts
WHERE id = $1::bigint
FOR SHARE;
