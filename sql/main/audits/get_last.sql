-- Read the result of the last audit.
--
-- $ none
--
-- Returns  ok boolean, started_at timestamptz, finished_at timestamptz, completed_at timestamptz, checks json;
--          at most one row
-- Index    audits_finished_at_idx
-- Locks    audits AccessShareLock
SELECT /* main/audits/get_last */
    ok, coalesce(started_at, finished_at - interval '15 minutes') AS started_at, finished_at,
    coalesce(completed_at, finished_at) AS completed_at, checks
FROM audits
ORDER BY finished_at DESC, id DESC
LIMIT 1;
