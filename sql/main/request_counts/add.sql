-- Count a request from an address or a user in the current minute, and delete a few counters that have expired.
--
-- $1 kind    text  registration, wrong_key, payee
-- $2 source  text  an IPv4 address, the /64 of an IPv6 address, or "user" and users.id
--
-- Returns  count bigint, seconds_left bigint;
--          one row; count includes this request; seconds_left: until the counter starts again at 1
-- Index    request_counts_pkey, request_counts_window_ends_at_idx
-- Locks    request_counts RowShareLock, RowExclusiveLock; its rows FOR UPDATE, without waiting
WITH /* main/request_counts/add */ ended AS (
    SELECT kind, address
    FROM request_counts
    WHERE window_ends_at < (SELECT clock_timestamp() - interval '1 minute')
        AND (kind, address) <> ($1::text, $2::text)
    ORDER BY window_ends_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED
),
swept AS (
    DELETE FROM request_counts
    USING ended
    WHERE request_counts.kind = ended.kind
        AND request_counts.address = ended.address
)
INSERT INTO request_counts AS present (kind, address, count, window_ends_at)
VALUES ($1::text, $2::text, 1, clock_timestamp() + interval '1 minute')
ON CONFLICT ON CONSTRAINT request_counts_pkey DO UPDATE
    SET
        count = CASE WHEN present.window_ends_at > clock_timestamp() THEN present.count + 1 ELSE 1 END,
        window_ends_at = CASE
            WHEN present.window_ends_at > clock_timestamp() THEN present.window_ends_at
            ELSE clock_timestamp() + interval '1 minute'
        END
RETURNING count, ceil(extract(EPOCH FROM window_ends_at - clock_timestamp()))::bigint AS seconds_left;
