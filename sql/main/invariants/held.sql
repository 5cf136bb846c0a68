-- Accounts whose held amount differs from the sum of their active holds and pending purchases.
--
-- $1 after  bigint  accounts.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  account_id bigint, held bigint, promised numeric;
--          no row if all is well
-- Index    accounts_pkey, holds_active_idx, purchases_unfinished_idx
-- Locks    accounts, holds, purchases AccessShareLock
SELECT /* main/invariants/held */ accounts.id AS account_id, accounts.held, coalesce(promised.amount, 0) AS promised
FROM accounts
LEFT JOIN (
    SELECT promise.account_id, sum(promise.amount) AS amount
    FROM (
        SELECT from_account_id AS account_id, amount
        FROM holds
        WHERE from_account_id > coalesce($1::bigint, 0)
            AND from_account_id <= coalesce($2::bigint, 9223372036854775807)
            AND status = 'active'
        UNION ALL
        SELECT account_id, amount
        FROM purchases
        WHERE account_id > coalesce($1::bigint, 0)
            AND account_id <= coalesce($2::bigint, 9223372036854775807)
            AND NOT finished
            AND status = 'pending'
    ) AS promise
    GROUP BY promise.account_id
) AS promised ON promised.account_id = accounts.id
WHERE accounts.id > coalesce($1::bigint, 0)
    AND accounts.id <= coalesce($2::bigint, 9223372036854775807)
    AND accounts.held <> coalesce(promised.amount, 0)
ORDER BY accounts.id
LIMIT $3::bigint;
