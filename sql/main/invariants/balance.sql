-- Accounts whose balance, version or last time differs from their entries.
--
-- $1 limit  bigint  rows at most
--
-- Returns  account_id bigint, balance bigint, entries_total numeric, last_balance_after bigint, version bigint, entries bigint;
--          no row if all is well
-- Index    accounts_pkey, entries_pkey
-- Locks    accounts, entries AccessShareLock
SELECT /* main/invariants/balance */
    accounts.id AS account_id, accounts.balance, coalesce(total.amount, 0) AS entries_total,
    coalesce(last.balance_after, 0) AS last_balance_after, accounts.version, coalesce(total.entries, 0) AS entries
FROM accounts
LEFT JOIN (
    SELECT account_id, sum(amount) AS amount, count(*) AS entries, max(version) AS version
    FROM entries
    GROUP BY account_id
) AS total ON total.account_id = accounts.id
LEFT JOIN entries AS last ON last.account_id = accounts.id AND last.version = total.version
WHERE accounts.balance <> coalesce(total.amount, 0)
    OR accounts.balance <> coalesce(last.balance_after, 0)
    OR accounts.version <> coalesce(total.entries, 0)
    OR accounts.entered_at <> coalesce(last.created_at, '-infinity')
ORDER BY accounts.id
LIMIT $1::bigint;
