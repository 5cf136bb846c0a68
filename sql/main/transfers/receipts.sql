-- Read transfers with the balances that they resulted in.
--
-- $1 ids  bigint[]  transfers.id
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, created_at timestamptz, from_owner_id bigint, from_balance bigint, from_version bigint, to_owner_id bigint, to_balance bigint, to_version bigint, reverses_id bigint, hold_id bigint;
--          one row for each transfer, by id
-- Index    transfers_pkey, entries_transfer_id_key, accounts_pkey
-- Locks    transfers, entries, accounts AccessShareLock
SELECT /* main/transfers/receipts */
    id, from_account_id, to_account_id, currency, amount, description, created_at,
    from_owner_id, from_balance, from_version, to_owner_id, to_balance, to_version,
    reverses_id, hold_id
FROM transfer_details
WHERE id = ANY($1::bigint[])
ORDER BY id;
