-- Count unfinished purchases, and read the age of the oldest.
--
-- $ none
--
-- Returns  pending bigint, unconfirmed bigint, oldest_seconds double precision;
--          one row; unconfirmed: decided, but the catalog has not been told; oldest_seconds: 0 if there is none
-- Index    purchases_unfinished_idx
-- Locks    purchases AccessShareLock
SELECT /* main/purchases/count_unfinished */
    count(*) FILTER (WHERE status = 'pending') AS pending,
    count(*) FILTER (WHERE status <> 'pending') AS unconfirmed,
    coalesce(
        max(extract(EPOCH FROM clock_timestamp() - coalesce(decided_at, created_at))), 0
    )::double precision AS oldest_seconds
FROM purchases
WHERE NOT finished;
