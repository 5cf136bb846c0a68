-- Read the result of the last audit.
--
-- $ none
--
-- Returns  ok boolean, finished_at timestamptz, checks json;
--          at most one row
-- Index    audits_finished_at_idx
-- Locks    audits AccessShareLock
SELECT /* main/audits/get_last */ ok, finished_at, checks
FROM audits
ORDER BY finished_at DESC, id DESC
LIMIT 1;
