-- Lease purchases that nobody is at work on, the longest waiting first; whoever leases them finishes them.
--
-- $1 seconds  bigint  for how long
-- $2 limit    bigint  purchases at the most
--
-- Returns  id bigint, buyer_id bigint, product_id bigint, quantity bigint, unit_price bigint, amount bigint, currency text, account_id bigint, payee_account_id bigint, seller_id bigint, status text, reason text, transfer_id bigint, finished boolean, created_at timestamptz;
--          one row for each that was leased, by id
-- Index    purchases_unfinished_idx, purchases_pkey, accounts_pkey
-- Locks    purchases AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR NO KEY UPDATE, without waiting;
--          accounts AccessShareLock
WITH /* main/purchases/lease */ idle AS MATERIALIZED (
    SELECT id
    FROM purchases
    WHERE NOT finished
        AND leased_until <= (SELECT clock_timestamp())
    ORDER BY leased_until
    LIMIT $2::bigint
    FOR NO KEY UPDATE SKIP LOCKED
),
leased AS (
    UPDATE purchases
    SET leased_until = clock_timestamp() + make_interval(secs => $1::bigint)
    FROM idle
    WHERE purchases.id = idle.id
    RETURNING purchases.id
)
SELECT
    purchase_details.id, buyer_id, product_id, quantity, unit_price, amount, currency, account_id, payee_account_id,
    seller_id, status, reason, transfer_id, finished, created_at
FROM leased
JOIN purchase_details ON purchase_details.id = leased.id
ORDER BY purchase_details.id
LIMIT $2::bigint;
