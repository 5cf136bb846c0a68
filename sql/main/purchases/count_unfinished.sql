-- Count unfinished purchases and refunds, and read the age of the oldest.
--
-- $ none
--
-- Returns  pending bigint, unconfirmed bigint, oldest_seconds double precision;
--          one row; unconfirmed: decided or refunded, but the catalog has not been told; oldest_seconds: 0 if there is none
-- Index    purchases_unfinished_idx, refunds_purchase_id_idx
-- Locks    purchases, refunds AccessShareLock
SELECT /* main/purchases/count_unfinished */
    count(*) FILTER (WHERE status = 'pending') AS pending,
    count(*) FILTER (WHERE status <> 'pending') AS unconfirmed,
    coalesce(
        max(extract(EPOCH FROM clock_timestamp() - since)), 0
    )::double precision AS oldest_seconds
FROM (
    SELECT status, coalesce(decided_at, created_at) AS since
    FROM purchases
    WHERE NOT finished
    UNION ALL
    SELECT 'refunded', created_at
    FROM refunds
    WHERE NOT finished
) AS unfinished;
