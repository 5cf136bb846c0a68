-- Read a transfer with the balances that it resulted in.
--
-- $1 id  bigint  transfers.id
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, created_at timestamptz, from_owner_id bigint, from_balance bigint, from_version bigint, to_owner_id bigint, to_balance bigint, to_version bigint, reverses_id bigint, hold_id bigint, created_by bigint, reference text, reference_by bigint, metadata json, reversed_amount bigint, purchase_id bigint;
--          at most one row
-- Index    transfers_pkey, entries_transfer_id_key, accounts_pkey, transfers_reverses_id_idx,
--          purchases_transfer_id_key
-- Locks    transfers, entries, accounts, purchases AccessShareLock
SELECT /* main/transfers/get */
    id, from_account_id, to_account_id, currency, amount, description, created_at,
    from_owner_id, from_balance, from_version, to_owner_id, to_balance, to_version,
    reverses_id, hold_id, created_by, reference, reference_by, metadata, reversed_amount, purchase_id
FROM transfer_details
WHERE id = $1::bigint;
