-- List the changes of one account, newest first. A change of an account has no user_id.
--
-- $1 account_id   bigint       accounts.id
-- $2 user_id      bigint       users.id; null: no filter
-- $3 before_time  timestamptz  keyset: changes.at of the last row seen
-- $4 before_id    bigint       keyset: changes.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, at timestamptz, changed_by bigint, kind text, account_id bigint, user_id bigint, api_key_id bigint, before jsonb, after jsonb;
--          a page of rows
-- Index    changes_account_id_idx
-- Locks    changes AccessShareLock
SELECT /* main/changes/list_by_account */ id, at, changed_by, kind, account_id, user_id, api_key_id, before, after
FROM changes
WHERE account_id = $1::bigint
    AND ($2::bigint IS NULL OR user_id = $2::bigint)
    AND (at, id) < ($3::timestamptz, $4::bigint)
ORDER BY at DESC, id DESC
LIMIT $5::bigint;
