-- Transfers without exactly two entries: -amount on the payer, +amount on the payee, of the same currency and time.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint;
--          no row if all is well
-- Index    transfers_pkey, entries_transfer_id_key, accounts_pkey
-- Locks    transfers, entries, accounts AccessShareLock
SELECT /* main/invariants/entries_pair_up */ transfers.id AS transfer_id
FROM transfers
LEFT JOIN entries ON entries.transfer_id = transfers.id
LEFT JOIN accounts ON accounts.id = entries.account_id
GROUP BY transfers.id
HAVING count(entries.transfer_id) <> 2
    OR count(DISTINCT accounts.currency) <> 1
    OR bool_or(entries.created_at <> transfers.created_at)
    OR count(*) FILTER (
        WHERE entries.account_id = transfers.from_account_id AND entries.amount = -transfers.amount
    ) <> 1
    OR count(*) FILTER (
        WHERE entries.account_id = transfers.to_account_id AND entries.amount = transfers.amount
    ) <> 1
ORDER BY transfers.id
LIMIT $1::bigint;
