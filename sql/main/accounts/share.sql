-- Wait for whoever is entering something on an account, and keep others from it until the unit of work ends.
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
