-- Accounts below their minimum, and closed accounts that are not empty.
--
-- $1 limit  bigint  rows at most
--
-- Returns  account_id bigint, balance bigint, held bigint, minimum bigint;
--          no row if all is well
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock
SELECT /* main/invariants/below_minimum */ id AS account_id, balance, held, minimum
FROM accounts
WHERE balance - held < minimum
    OR held < 0
    OR (status = 'closed' AND (balance <> 0 OR held <> 0))
ORDER BY id
LIMIT $1::bigint;
