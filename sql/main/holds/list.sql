-- List all holds, newest first, for operators.
--
-- $1 status       text         null: any status
-- $2 before_time  timestamptz  keyset: holds.created_at of the last row seen
-- $3 before_id    bigint       keyset: holds.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, status text, captured_amount bigint, transfer_id bigint, expires_in bigint, expires_at timestamptz, created_at timestamptz, from_owner_id bigint, to_owner_id bigint, created_by bigint, reference text, metadata json;
--          a page of rows
-- Index    holds_created_at_idx, accounts_pkey, transfers_hold_id_key
-- Locks    holds, accounts, transfers AccessShareLock
SELECT /* main/holds/list */
    id, from_account_id, to_account_id, currency, amount, description, status, captured_amount, transfer_id,
    expires_in, expires_at, created_at, from_owner_id, to_owner_id, created_by, reference, metadata
FROM hold_details
WHERE ($1::text IS NULL OR status = $1::text)
    AND (created_at, id) < ($2::timestamptz, $3::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint;
