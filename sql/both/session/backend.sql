-- Read the PID of the server process that runs this transaction: behind a pooler, the protocol reports another one.
--
-- $ none
--
-- Returns  pid bigint;
--          one row
-- Index    none
-- Locks    none
SELECT /* both/session/backend */ pg_backend_pid()::bigint AS pid;
