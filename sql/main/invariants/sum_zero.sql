-- Currencies in which transfers created or lost money: the sum of their entries is not zero. The entries of a transfer are
-- committed together, so that the sum is zero for any of them.
--
-- $1 after  bigint  transfers.id of the entries after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  currency text, total numeric, first_transfer_id bigint, last_transfer_id bigint;
--          no row if all is well
-- Index    entries_transfer_id_key, accounts_pkey
-- Locks    entries, accounts AccessShareLock
SELECT /* main/invariants/sum_zero */
    accounts.currency, sum(entries.amount) AS total,
    min(entries.transfer_id) AS first_transfer_id, max(entries.transfer_id) AS last_transfer_id
FROM entries
JOIN accounts ON accounts.id = entries.account_id
WHERE entries.transfer_id > coalesce($1::bigint, 0)
    AND entries.transfer_id <= coalesce($2::bigint, 9223372036854775807)
GROUP BY accounts.currency
HAVING sum(entries.amount) <> 0
ORDER BY accounts.currency
LIMIT $3::bigint;
