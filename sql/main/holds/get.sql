-- Read a hold. Its status is expired as soon as its time has passed.
--
-- $1 id  bigint  holds.id
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, status text, captured_amount bigint, transfer_id bigint, expires_in bigint, expires_at timestamptz, created_at timestamptz, from_owner_id bigint, to_owner_id bigint, created_by bigint, reference text, metadata json;
--          at most one row
-- Index    holds_pkey, accounts_pkey, transfers_hold_id_key
-- Locks    holds, accounts, transfers AccessShareLock
SELECT /* main/holds/get */
    id, from_account_id, to_account_id, currency, amount, description, status, captured_amount, transfer_id,
    expires_in, expires_at, created_at, from_owner_id, to_owner_id, created_by, reference, metadata
FROM hold_details
WHERE id = $1::bigint;
