-- Store the result of an audit.
--
-- $1 ok      boolean  true if no check found a row
-- $2 checks  text     for each check its name and the rows that break it, as JSON
--
-- Returns  id bigint, finished_at timestamptz;
--          one row
-- Index    none
-- Locks    audits RowExclusiveLock
INSERT /* main/audits/insert */ INTO audits (ok, checks)
VALUES ($1::boolean, $2::text::json)
RETURNING id, finished_at;
