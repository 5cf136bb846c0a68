-- Currencies in which money was created or lost: the sum of all entries is not zero.
--
-- $1 limit  bigint  rows at most
--
-- Returns  currency text, total numeric;
--          no row if all is well
-- Index    none
-- Locks    entries, accounts AccessShareLock
SELECT /* main/invariants/sum_zero */ accounts.currency, sum(entries.amount) AS total
FROM entries
JOIN accounts ON accounts.id = entries.account_id
GROUP BY accounts.currency
HAVING sum(entries.amount) <> 0
ORDER BY accounts.currency
LIMIT $1::bigint;
