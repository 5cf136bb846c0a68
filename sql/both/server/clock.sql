-- Read the server's time, in seconds since 1970.
--
-- $ none
--
-- Returns  seconds double precision;
--          one row
-- Index    none
-- Locks    none
SELECT /* both/server/clock */ extract(EPOCH FROM clock_timestamp())::double precision AS seconds;
