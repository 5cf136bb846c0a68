-- Accounts that hold another amount than their active holds promise.
--
-- $1 limit  bigint  rows at the most
--
-- Returns  account_id bigint, held bigint, promised numeric;
--          none when all is well
-- Index    none
-- Locks    accounts, holds AccessShareLock
SELECT /* main/audit/held */ accounts.id AS account_id, accounts.held, coalesce(active.amount, 0) AS promised
FROM accounts
LEFT JOIN (
    SELECT from_account_id, sum(amount) AS amount
    FROM holds
    WHERE status = 'active'
    GROUP BY from_account_id
) AS active ON active.from_account_id = accounts.id
WHERE accounts.held <> coalesce(active.amount, 0)
ORDER BY accounts.id
LIMIT $1::bigint;
