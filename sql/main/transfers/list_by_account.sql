-- List the transfers of one account, newest first.
--
-- $1 account_id   bigint       accounts.id
-- $2 from_time    timestamptz  inclusive
-- $3 before_time  timestamptz  keyset: transfers.created_at of the last row seen
-- $4 before_id    bigint       keyset: transfers.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, created_at timestamptz, from_owner_id bigint, from_balance bigint, from_version bigint, to_owner_id bigint, to_balance bigint, to_version bigint, reverses_id bigint, hold_id bigint, created_by bigint, reference text, reference_by bigint, metadata json, reversed_amount bigint, purchase_id bigint;
--          a page of rows
-- Index    entries_created_at_idx, transfers_pkey, entries_transfer_id_key, accounts_pkey, transfers_reverses_id_idx,
--          purchases_transfer_id_key
-- Locks    transfers, entries, accounts, purchases AccessShareLock
WITH /* main/transfers/list_by_account */ page AS MATERIALIZED (
    SELECT transfer_id
    FROM entries
    WHERE account_id = $1::bigint
        AND created_at >= $2::timestamptz
        AND (created_at, transfer_id) < ($3::timestamptz, $4::bigint)
    ORDER BY created_at DESC, transfer_id DESC
    LIMIT $5::bigint
)
SELECT
    id, from_account_id, to_account_id, currency, amount, description, created_at,
    from_owner_id, from_balance, from_version, to_owner_id, to_balance, to_version,
    reverses_id, hold_id, created_by, reference, reference_by, metadata, reversed_amount, purchase_id
FROM page
JOIN transfer_details ON transfer_details.id = page.transfer_id
ORDER BY created_at DESC, id DESC
LIMIT $5::bigint;
