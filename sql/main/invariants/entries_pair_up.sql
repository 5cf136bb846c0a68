-- Transfers without exactly two entries (-amount on the payer, +amount on the payee, of the same currency and time), and
-- entries without a transfer.
--
-- $1 after  bigint  transfers.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, entries bigint;
--          no row if all is well
-- Index    transfers_pkey, entries_transfer_id_key, accounts_pkey
-- Locks    transfers, entries, accounts AccessShareLock
SELECT /* main/invariants/entries_pair_up */
    coalesce(transfer.id, pair.transfer_id) AS transfer_id, coalesce(pair.entries, 0) AS entries
FROM (
    SELECT id, from_account_id, to_account_id, amount, created_at
    FROM transfers
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
) AS transfer
FULL JOIN (
    SELECT
        transfer_id, count(*) AS entries,
        min(amount) AS lowest, max(amount) AS highest,
        min(account_id) FILTER (WHERE amount < 0) AS payer_id,
        min(account_id) FILTER (WHERE amount > 0) AS payee_id,
        min(created_at) AS earliest, max(created_at) AS latest
    FROM entries
    WHERE transfer_id > coalesce($1::bigint, 0)
        AND transfer_id <= coalesce($2::bigint, 9223372036854775807)
    GROUP BY transfer_id
) AS pair ON pair.transfer_id = transfer.id
LEFT JOIN accounts AS payer ON payer.id = pair.payer_id
LEFT JOIN accounts AS payee ON payee.id = pair.payee_id
WHERE transfer.id IS NULL
    OR pair.entries IS DISTINCT FROM 2
    OR pair.lowest <> -transfer.amount
    OR pair.highest <> transfer.amount
    OR pair.payer_id IS DISTINCT FROM transfer.from_account_id
    OR pair.payee_id IS DISTINCT FROM transfer.to_account_id
    OR pair.earliest <> transfer.created_at
    OR pair.latest <> transfer.created_at
    OR payer.currency IS NULL
    OR payer.currency IS DISTINCT FROM payee.currency
ORDER BY transfer_id
LIMIT $3::bigint;
