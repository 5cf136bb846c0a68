-- List the purchases that a user made, and those that pay into an account that the user owns now, newest first.
--
-- $1 user_id      bigint       users.id
-- $2 status       text         null: any status
-- $3 before_time  timestamptz  keyset: purchases.created_at of the last row seen
-- $4 before_id    bigint       keyset: purchases.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          a page of rows
-- Index    purchases_buyer_id_idx, accounts_owner_id_idx, purchases_payee_account_id_idx, purchases_pkey, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
WITH /* main/purchases/list_by_party */ page AS MATERIALIZED (
    (
        SELECT created_at, id
        FROM purchases
        WHERE buyer_id = $1::bigint
            AND ($2::text IS NULL OR status = $2::text)
            AND (created_at, id) < ($3::timestamptz, $4::bigint)
        ORDER BY created_at DESC, id DESC
        LIMIT $5::bigint
    )
    UNION
    SELECT sale.created_at, sale.id
    FROM accounts
    CROSS JOIN
        LATERAL (
            SELECT purchases.created_at, purchases.id
            FROM purchases
            WHERE purchases.payee_account_id = accounts.id
                AND ($2::text IS NULL OR purchases.status = $2::text)
                AND (purchases.created_at, purchases.id) < ($3::timestamptz, $4::bigint)
            ORDER BY purchases.created_at DESC, purchases.id DESC
            LIMIT $5::bigint
        ) AS sale
    WHERE accounts.owner_id = $1::bigint
    ORDER BY created_at DESC, id DESC
    LIMIT $5::bigint
)
SELECT
    purchase_details.id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id,
    seller_id, status, reason, transfer_id, finished, purchase_details.created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM page
JOIN purchase_details ON purchase_details.id = page.id
ORDER BY purchase_details.created_at DESC, purchase_details.id DESC
LIMIT $5::bigint;
