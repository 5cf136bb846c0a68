-- Lock accounts with holds that are overdue but still active. Accounts that another unit of work has locked are
-- skipped, because it expires their holds itself.
--
-- $1 limit  bigint  overdue holds to look at
--
-- Returns  id bigint;
--          one row for each account, by id
-- Index    holds_expires_at_idx, accounts_pkey
-- Locks    holds AccessShareLock; accounts RowShareLock; its rows FOR NO KEY UPDATE, without waiting
SELECT /* main/accounts/lock_overdue */ id
FROM accounts
WHERE id IN (
        SELECT from_account_id
        FROM holds
        WHERE status = 'active'
            AND expires_at <= (SELECT clock_timestamp())
        ORDER BY expires_at
        LIMIT $1::bigint
    )
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED;
