-- Set the statement timeout of this transaction, for the statements after this one.
--
-- $1 timeout  text  with its unit, such as 500ms
--
-- Returns  timeout text;
--          one row
-- Index    none
-- Locks    none
SELECT /* both/session/hurry */ set_config('statement_timeout', $1::text, TRUE) AS timeout;
