-- Transfers without exactly two entries (-amount on the payer, +amount on the payee, of the same currency and time), and
-- entries without a transfer or an account.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, entries bigint;
--          no row if all is well
-- Index    transfers_pkey, entries_transfer_id_key, accounts_pkey
-- Locks    transfers, entries, accounts AccessShareLock
SELECT /* main/invariants/entries_pair_up */
    coalesce(transfers.id, entries.transfer_id) AS transfer_id, count(entries.transfer_id) AS entries
FROM transfers
FULL JOIN entries ON entries.transfer_id = transfers.id
LEFT JOIN accounts ON accounts.id = entries.account_id
GROUP BY coalesce(transfers.id, entries.transfer_id)
HAVING count(entries.transfer_id) <> 2
    OR count(accounts.id) <> 2
    OR min(accounts.currency) <> max(accounts.currency)
    OR bool_or(entries.created_at <> transfers.created_at)
    OR count(*) FILTER (
        WHERE entries.account_id = transfers.from_account_id AND entries.amount = -transfers.amount
    ) <> 1
    OR count(*) FILTER (
        WHERE entries.account_id = transfers.to_account_id AND entries.amount = transfers.amount
    ) <> 1
ORDER BY transfer_id
LIMIT $1::bigint;
