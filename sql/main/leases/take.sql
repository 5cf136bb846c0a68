-- Take a lease, unless it is taken and has not expired.
--
-- $1 name     text    name of the lease, such as audit
-- $2 seconds  bigint  duration
--
-- Returns  name text;
--          one row if the lease was taken; else none
-- Index    leases_pkey
-- Locks    leases RowExclusiveLock
INSERT /* main/leases/take */ INTO leases (name, leased_until)
VALUES ($1::text, clock_timestamp() + make_interval(secs => $2::bigint))
ON CONFLICT ON CONSTRAINT leases_pkey DO UPDATE
    SET leased_until = excluded.leased_until
    WHERE leases.leased_until <= clock_timestamp()
RETURNING name;
