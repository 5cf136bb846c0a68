-- List the changes of one user's keys and role, newest first.
--
-- $1 user_id      bigint       users.id
-- $2 before_time  timestamptz  keyset: changes.at of the last row seen
-- $3 before_id    bigint       keyset: changes.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, at timestamptz, changed_by bigint, kind text, account_id bigint, user_id bigint, api_key_id bigint, before jsonb, after jsonb;
--          a page of rows
-- Index    changes_user_id_idx
-- Locks    changes AccessShareLock
SELECT /* main/changes/list_by_user */ id, at, changed_by, kind, account_id, user_id, api_key_id, before, after
FROM changes
WHERE user_id = $1::bigint
    AND (at, id) < ($2::timestamptz, $3::bigint)
ORDER BY at DESC, id DESC
LIMIT $4::bigint;
