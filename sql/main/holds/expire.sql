-- Expire the overdue holds of these accounts, oldest first, and free their money.
--
-- $1 account_ids  bigint[]  accounts.id, locked by this unit of work
-- $2 limit        bigint    holds at most
--
-- Returns  id bigint, held bigint;
--          one row for each account with overdue holds; held: the held amount that remains
-- Index    holds_active_idx, holds_pkey, accounts_pkey
-- Locks    holds AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, by id; accounts RowExclusiveLock
WITH /* main/holds/expire */ overdue AS MATERIALIZED (
    SELECT id
    FROM holds
    WHERE id IN (
            SELECT candidate.id
            FROM holds AS candidate
            WHERE candidate.from_account_id = ANY($1::bigint[])
                AND candidate.status = 'active'
                -- As a subselect, the time does not lead the planner to the index on expires_at alone.
                AND candidate.expires_at <= (SELECT statement_timestamp())
            ORDER BY candidate.expires_at
            LIMIT $2::bigint
        )
    ORDER BY id
    FOR NO KEY UPDATE
),
expired AS (
    UPDATE holds
    SET status = 'expired'
    FROM overdue
    WHERE holds.id = overdue.id
    RETURNING holds.from_account_id, holds.amount
),
freed AS (
    SELECT from_account_id, sum(amount)::bigint AS amount
    FROM expired
    GROUP BY from_account_id
)
UPDATE accounts
SET held = accounts.held - freed.amount
FROM freed
WHERE accounts.id = freed.from_account_id
RETURNING accounts.id, accounts.held;
