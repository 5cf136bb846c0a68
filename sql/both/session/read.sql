-- Read settings of this session, as they are in force. A setting that the server does not know is left out.
--
-- $1 names  text[]  settings
--
-- Returns  name text, value text;
--          one row for each setting that the server knows, by name
-- Index    none
-- Locks    none
SELECT /* both/session/read */ budget.name, current_setting(budget.name, TRUE) AS value
FROM unnest($1::text[]) AS budget (name)
WHERE current_setting(budget.name, TRUE) IS NOT NULL
ORDER BY budget.name
LIMIT 100;
