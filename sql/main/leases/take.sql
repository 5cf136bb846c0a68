-- Take a lease, unless it is taken and has not expired.
--
-- $1 name     text    name of the lease, such as audit
-- $2 seconds  bigint  duration
--
-- Returns  name text;
--          one row if the lease was taken; else none
-- Index    leases_pkey
-- Locks    leases RowExclusiveLock
WITH /* main/leases/take */ expired AS (
    UPDATE leases
    SET leased_until = statement_timestamp() + make_interval(secs => $2::bigint)
    WHERE name = $1::text
        AND leased_until <= statement_timestamp()
    RETURNING name
),
first AS (
    INSERT INTO leases (name, leased_until)
    VALUES ($1::text, statement_timestamp() + make_interval(secs => $2::bigint))
    ON CONFLICT ON CONSTRAINT leases_pkey DO NOTHING
    RETURNING name
)
SELECT name FROM expired
UNION ALL
SELECT name FROM first;
