-- List the holds from or to any account of one owner, newest first.
--
-- $1 owner_id     bigint       users.id
-- $2 status       text         null: any status
-- $3 before_time  timestamptz  keyset: holds.created_at of the last row seen
-- $4 before_id    bigint       keyset: holds.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, from_account_id bigint, to_account_id bigint, currency text, amount bigint, description text, status text, captured_amount bigint, transfer_id bigint, expires_in bigint, expires_at timestamptz, created_at timestamptz, from_owner_id bigint, to_owner_id bigint, created_by bigint, reference text, metadata json;
--          a page of rows
-- Index    accounts_owner_id_idx, holds_from_account_id_idx, holds_to_account_id_idx, holds_pkey, accounts_pkey, transfers_hold_id_key
-- Locks    holds, accounts, transfers AccessShareLock
WITH /* main/holds/list_by_owner */ page AS MATERIALIZED (
    SELECT DISTINCT hold.created_at, hold.id
    FROM accounts
    CROSS JOIN
        LATERAL (
            (
                SELECT holds.created_at, holds.id
                FROM holds
                WHERE holds.from_account_id = accounts.id
                    AND (
                        $2::text IS NULL
                        OR $2::text = CASE
                            WHEN holds.status = 'active' AND holds.expires_at <= statement_timestamp() THEN 'expired'
                            ELSE holds.status
                        END
                    )
                    AND (holds.created_at, holds.id) < ($3::timestamptz, $4::bigint)
                ORDER BY holds.created_at DESC, holds.id DESC
                LIMIT $5::bigint
            )
            UNION ALL
            (
                SELECT holds.created_at, holds.id
                FROM holds
                WHERE holds.to_account_id = accounts.id
                    AND (
                        $2::text IS NULL
                        OR $2::text = CASE
                            WHEN holds.status = 'active' AND holds.expires_at <= statement_timestamp() THEN 'expired'
                            ELSE holds.status
                        END
                    )
                    AND (holds.created_at, holds.id) < ($3::timestamptz, $4::bigint)
                ORDER BY holds.created_at DESC, holds.id DESC
                LIMIT $5::bigint
            )
        ) AS hold
    WHERE accounts.owner_id = $1::bigint
    ORDER BY hold.created_at DESC, hold.id DESC
    LIMIT $5::bigint
)
SELECT
    hold_details.id, from_account_id, to_account_id, currency, amount, description, status, captured_amount,
    transfer_id, expires_in, expires_at, hold_details.created_at, from_owner_id, to_owner_id, created_by,
    reference, metadata
FROM page
JOIN hold_details ON hold_details.id = page.id
ORDER BY hold_details.created_at DESC, hold_details.id DESC
LIMIT $5::bigint;
