-- List the transfers with a reference that their reader wrote, from or to an account that the reader owns now, newest
-- first.
--
-- $1 reference_by  bigint       users.id
-- $2 reference     text
-- $3 account_id    bigint       accounts.id; null: any account
-- $4 from_time     timestamptz  inclusive
-- $5 before_time   timestamptz  keyset: transfers.created_at of the last row seen
-- $6 before_id     bigint       keyset: transfers.id of that row
-- $7 limit         bigint       rows at most
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, created_at timestamptz, from_owner_id bigint, from_balance bigint, from_version bigint, to_owner_id bigint, to_balance bigint, to_version bigint, reverses_id bigint, hold_id bigint, created_by bigint, reference text, reference_by bigint, metadata json, reversed_amount bigint, purchase_id bigint;
--          a page of rows
-- Index    transfers_reference_by_idx, transfers_pkey, entries_transfer_id_key, accounts_pkey, transfers_reverses_id_idx,
--          purchases_transfer_id_key
-- Locks    transfers, entries, accounts, purchases AccessShareLock
WITH /* main/transfers/list_by_writer */ page AS MATERIALIZED (
    SELECT id
    FROM transfers
    WHERE reference_by = $1::bigint
        AND reference = $2::text
        AND ($3::bigint IS NULL OR $3::bigint IN (from_account_id, to_account_id))
        AND created_at >= $4::timestamptz
        AND (created_at, id) < ($5::timestamptz, $6::bigint)
        AND $1::bigint IN (
            (
                SELECT payer.owner_id
                FROM accounts AS payer
                WHERE payer.id = transfers.from_account_id
            ),
            (
                SELECT payee.owner_id
                FROM accounts AS payee
                WHERE payee.id = transfers.to_account_id
            )
        )
    ORDER BY created_at DESC, id DESC
    LIMIT $7::bigint
)
SELECT
    transfer_details.id, from_account_id, to_account_id, currency, amount, description, created_at,
    from_owner_id, from_balance, from_version, to_owner_id, to_balance, to_version,
    reverses_id, hold_id, created_by, reference, reference_by, metadata, reversed_amount, purchase_id
FROM page
JOIN transfer_details ON transfer_details.id = page.id
ORDER BY transfer_details.created_at DESC, transfer_details.id DESC
LIMIT $7::bigint;
