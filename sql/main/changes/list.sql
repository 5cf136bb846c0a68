-- List all changes, newest first.
--
-- $1 before_time  timestamptz  keyset: changes.at of the last row seen
-- $2 before_id    bigint       keyset: changes.id of that row
-- $3 limit        bigint       rows at most
--
-- Returns  id bigint, at timestamptz, changed_by bigint, kind text, account_id bigint, user_id bigint, api_key_id bigint, before jsonb, after jsonb;
--          a page of rows
-- Index    changes_at_idx
-- Locks    changes AccessShareLock
SELECT /* main/changes/list */ id, at, changed_by, kind, account_id, user_id, api_key_id, before, after
FROM changes
WHERE (at, id) < ($1::timestamptz, $2::bigint)
ORDER BY at DESC, id DESC
LIMIT $3::bigint;
