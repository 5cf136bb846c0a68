-- Holds that are active an hour after their expiry: the sweep has not released their money.
--
-- $1 limit  bigint  rows at most
--
-- Returns  hold_id bigint, account_id bigint, amount bigint, expires_at timestamptz;
--          no row if all is well
-- Index    holds_expires_at_idx
-- Locks    holds AccessShareLock
SELECT /* main/invariants/overdue */ id AS hold_id, from_account_id AS account_id, amount, expires_at
FROM holds
WHERE status = 'active'
    AND expires_at < statement_timestamp() - interval '1 hour'
ORDER BY expires_at, id
LIMIT $1::bigint;
