-- Count a request from an address or a user in the current minute, and delete a few counters that have expired.
--
-- $1 kind    text  registration, wrong_key, payee
-- $2 source  text  an IPv4 address, the /64 of an IPv6 address, or "user" and users.id
--
-- Returns  count bigint, seconds_left bigint;
--          one row; count includes this request; seconds_left: until the counter starts again at 1
-- Index    request_counts_pkey, request_counts_window_ends_at_idx
-- Locks    request_counts RowShareLock, RowExclusiveLock; its rows FOR UPDATE, without waiting
WITH /* main/request_counts/add */ over AS (
    DELETE FROM request_counts
    WHERE kind = $1::text
        AND address = $2::text
        AND window_ends_at <= statement_timestamp()
    RETURNING kind
),
counted AS (
    -- The aggregate deletes the row of a minute that is over before another one is inserted. Of two requests that begin a
    -- minute at the same time, the second waits for the first and then adds to its count. If the server's clock was set
    -- back, the minute ends a minute from now.
    INSERT INTO request_counts AS present (kind, address, count, window_ends_at)
    SELECT $1::text, $2::text, 1, statement_timestamp() + interval '1 minute'
    FROM (SELECT count(*) FROM over) AS done
    ON CONFLICT ON CONSTRAINT request_counts_pkey DO UPDATE
        SET count = present.count + 1, window_ends_at = least(present.window_ends_at, excluded.window_ends_at)
    RETURNING count, window_ends_at
),
ended AS (
    SELECT kind, address
    FROM request_counts
    WHERE window_ends_at < statement_timestamp() - interval '1 minute'
        AND (kind, address) <> ($1::text, $2::text)
    ORDER BY window_ends_at
    LIMIT 10
    FOR UPDATE SKIP LOCKED
),
-- Runs after all else: no request waits for a row while it holds those of others.
swept AS (
    DELETE FROM request_counts
    USING ended
    WHERE request_counts.kind = ended.kind
        AND request_counts.address = ended.address
)
SELECT count, ceil(extract(EPOCH FROM window_ends_at - statement_timestamp()))::bigint AS seconds_left
FROM counted;
