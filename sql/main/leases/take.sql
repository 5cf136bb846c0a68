-- Take the next turn at something, unless somebody's turn lasts.
--
-- $1 name     text    what it is: audit
-- $2 seconds  bigint  for how long
--
-- Returns  name text;
--          one row for whoever takes it, none for all others
-- Index    leases_pkey
-- Locks    leases RowExclusiveLock
INSERT /* main/leases/take */ INTO leases (name, leased_until)
VALUES ($1::text, clock_timestamp() + make_interval(secs => $2::bigint))
ON CONFLICT ON CONSTRAINT leases_pkey DO UPDATE
    SET leased_until = excluded.leased_until
    WHERE leases.leased_until <= clock_timestamp()
RETURNING name;
