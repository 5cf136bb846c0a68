-- Set a session's timeouts. A setting that the server does not know (transaction_timeout before 17) is skipped.
--
-- $1 names   text[]  settings
-- $2 values  text[]  a value for each
--
-- Returns  name text, value text;
--          one row for each setting that the server knows, by name
-- Index    none
-- Locks    none
SELECT /* both/session/configure */ known.name, set_config(known.name, budget.value, FALSE) AS value
FROM unnest($1::text[], $2::text[]) AS budget (name, value)
JOIN pg_settings AS known ON known.name = budget.name
ORDER BY known.name
LIMIT 100;
