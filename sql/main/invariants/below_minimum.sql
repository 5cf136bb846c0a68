-- Accounts below their minimum, and closed accounts that are not empty.
--
-- $1 after  bigint  accounts.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  account_id bigint, balance bigint, held bigint, minimum bigint;
--          no row if all is well
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock
SELECT /* main/invariants/below_minimum */ id AS account_id, balance, held, minimum
FROM accounts
WHERE id > coalesce($1::bigint, 0)
    AND id <= coalesce($2::bigint, 9223372036854775807)
    AND (
        balance - held < minimum
        OR held < 0
        OR (status = 'closed' AND (balance <> 0 OR held <> 0))
    )
ORDER BY id
LIMIT $3::bigint;
