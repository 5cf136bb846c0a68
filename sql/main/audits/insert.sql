-- Store the result of an audit.
--
-- $1 ok            boolean      true if no check found a row
-- $2 checks        text         for each check its name and the rows that break it, as JSON
-- $3 started_at    timestamptz  when it began
-- $4 completed_at  timestamptz  when the last audit that read all rows finished; null: this one did
--
-- Returns  id bigint, finished_at timestamptz;
--          one row
-- Index    none
-- Locks    audits RowExclusiveLock
INSERT /* main/audits/insert */ INTO audits (ok, checks, started_at, completed_at)
VALUES ($1::boolean, $2::text::json, $3::timestamptz, $4::timestamptz)
RETURNING id, finished_at;
