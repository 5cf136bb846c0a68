-- Holds that are active an hour after their expiry: the sweep has not released their money.
--
-- $1 after  bigint  holds.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  hold_id bigint, account_id bigint, amount bigint, expires_at timestamptz;
--          no row if all is well
-- Index    holds_pkey
-- Locks    holds AccessShareLock
SELECT /* main/invariants/overdue */ id AS hold_id, from_account_id AS account_id, amount, expires_at
FROM holds
WHERE id > coalesce($1::bigint, 0)
    AND id <= coalesce($2::bigint, 9223372036854775807)
    AND status = 'active'
    AND expires_at < statement_timestamp() - interval '1 hour'
ORDER BY id
LIMIT $3::bigint;
