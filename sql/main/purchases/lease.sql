-- Lease unfinished purchases whose lease has expired, earliest expiry first. The job that leases a purchase finishes it.
--
-- $1 seconds  bigint  duration
-- $2 limit    bigint  purchases at most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz, reference text, metadata json, refunded_amount bigint, refunded_quantity bigint, returned boolean, released boolean;
--          one row for each leased purchase, by id
-- Index    purchases_unfinished_idx, purchases_pkey, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, without waiting;
--          accounts, transfers, refunds AccessShareLock
WITH /* main/purchases/lease */ idle AS MATERIALIZED (
    SELECT id
    FROM purchases
    WHERE NOT finished
        AND leased_until <= statement_timestamp()
    ORDER BY leased_until
    LIMIT $2::bigint
    FOR NO KEY UPDATE SKIP LOCKED
),
leased AS (
    UPDATE purchases
    SET leased_until = statement_timestamp() + make_interval(secs => $1::bigint)
    FROM idle
    WHERE purchases.id = idle.id
    RETURNING purchases.id
)
SELECT
    purchase_details.id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id,
    seller_id, status, reason, transfer_id, finished, created_at, reference, metadata,
    refunded_amount, refunded_quantity, returned, released
FROM leased
JOIN purchase_details ON purchase_details.id = leased.id
ORDER BY purchase_details.id
LIMIT $2::bigint;
