-- Lease purchases that nobody is at work on, the longest waiting first; whoever leases them finishes them.
--
-- $1 seconds  bigint  for how long
-- $2 limit    bigint  purchases at the most
--
-- Returns  id bigint;
--          one row for each that was leased, in no order
-- Index    purchases_unfinished_idx, purchases_pkey
-- Locks    purchases RowExclusiveLock; the leased rows FOR NO KEY UPDATE, without waiting
WITH /* main/purchases/lease */ idle AS MATERIALIZED (
    SELECT id
    FROM purchases
    WHERE NOT finished
        AND leased_until <= (SELECT clock_timestamp())
    ORDER BY leased_until
    LIMIT $2::bigint
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE purchases
SET leased_until = clock_timestamp() + make_interval(secs => $1::bigint)
FROM idle
WHERE purchases.id = idle.id
RETURNING purchases.id;
