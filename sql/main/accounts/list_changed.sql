-- List the accounts that have new entries, of those that a process follows.
--
-- $1 ids       bigint[]  accounts.id
-- $2 versions  bigint[]  accounts.version that the process knows, in the order of $1
--
-- Returns  id bigint, version bigint;
--          one row for each account with a higher version, by id
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock
SELECT /* main/accounts/list_changed */ accounts.id, accounts.version
FROM unnest($1::bigint[], $2::bigint[]) AS followed (id, version)
JOIN accounts ON accounts.id = followed.id
WHERE accounts.version > followed.version
ORDER BY accounts.id;
