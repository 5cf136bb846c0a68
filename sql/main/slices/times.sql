-- End a slice of time, whose Idempotency-Keys are read in one snapshot. Most keys name a transfer of the same time.
--
-- $1 after  timestamptz  time at which the slice before ended; null: this is the first
-- $2 size   bigint       transfers at most
--
-- Returns  until text, progress double precision;
--          one row; until is null if the slice is the last; progress is the part of all time before it, from 0 to 1
-- Index    transfers_created_at_idx
-- Locks    transfers AccessShareLock
SELECT /* main/slices/times */
    slice.until::text AS until,
    coalesce(
        extract(EPOCH FROM slice.until - span.first)::double precision
        / nullif(extract(EPOCH FROM span.last - span.first)::double precision, 0),
        1
    ) AS progress
FROM (
    SELECT (
        SELECT created_at
        FROM transfers
        WHERE created_at > coalesce($1::timestamptz, '-infinity')
        ORDER BY created_at
        LIMIT 1 OFFSET $2::bigint - 1
    ) AS until
) AS slice
CROSS JOIN (SELECT min(created_at) AS first, max(created_at) AS last FROM transfers) AS span;
