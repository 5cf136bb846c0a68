-- List the transfers with a reference, by any writer, newest first, for operators.
--
-- $1 reference    text
-- $2 account_id   bigint       accounts.id; null: any account
-- $3 from_time    timestamptz  inclusive
-- $4 before_time  timestamptz  keyset: transfers.created_at of the last row seen
-- $5 before_id    bigint       keyset: transfers.id of that row
-- $6 limit        bigint       rows at most
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, created_at timestamptz, from_owner_id bigint, from_balance bigint, from_version bigint, to_owner_id bigint, to_balance bigint, to_version bigint, reverses_id bigint, hold_id bigint, created_by bigint, reference text, reference_by bigint, metadata json, reversed_amount bigint, purchase_id bigint;
--          a page of rows
-- Index    transfers_reference_idx, transfers_pkey, entries_transfer_id_key, accounts_pkey, transfers_reverses_id_idx,
--          purchases_transfer_id_key
-- Locks    transfers, entries, accounts, purchases AccessShareLock
WITH /* main/transfers/list_by_reference */ page AS MATERIALIZED (
    SELECT id
    FROM transfers
    WHERE reference = $1::text
        AND ($2::bigint IS NULL OR $2::bigint IN (from_account_id, to_account_id))
        AND created_at >= $3::timestamptz
        AND (created_at, id) < ($4::timestamptz, $5::bigint)
    ORDER BY created_at DESC, id DESC
    LIMIT $6::bigint
)
SELECT
    transfer_details.id, from_account_id, to_account_id, currency, amount, description, created_at,
    from_owner_id, from_balance, from_version, to_owner_id, to_balance, to_version,
    reverses_id, hold_id, created_by, reference, reference_by, metadata, reversed_amount, purchase_id
FROM page
JOIN transfer_details ON transfer_details.id = page.id
ORDER BY transfer_details.created_at DESC, transfer_details.id DESC
LIMIT $6::bigint;
