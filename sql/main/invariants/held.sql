-- Accounts whose held amount differs from the sum of their active holds and pending purchases.
--
-- $1 limit  bigint  rows at most
--
-- Returns  account_id bigint, held bigint, promised numeric;
--          no row if all is well
-- Index    accounts_pkey, holds_expires_at_idx
-- Locks    accounts, holds, purchases AccessShareLock
SELECT /* main/invariants/held */ accounts.id AS account_id, accounts.held, coalesce(promised.amount, 0) AS promised
FROM accounts
LEFT JOIN (
    SELECT promise.account_id, sum(promise.amount) AS amount
    FROM (
        SELECT from_account_id AS account_id, amount
        FROM holds
        WHERE status = 'active'
        UNION ALL
        SELECT account_id, amount
        FROM purchases
        WHERE status = 'pending'
    ) AS promise
    GROUP BY promise.account_id
) AS promised ON promised.account_id = accounts.id
WHERE accounts.held <> coalesce(promised.amount, 0)
ORDER BY accounts.id
LIMIT $1::bigint;
