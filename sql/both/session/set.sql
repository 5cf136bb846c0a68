-- Set one setting of the session.
--
-- $1 name   text  a setting
-- $2 value  text  its value
--
-- Returns  value text;
--          one row
-- Index    none
-- Locks    none
SELECT /* both/session/set */ set_config($1::text, $2::text, FALSE) AS value;
