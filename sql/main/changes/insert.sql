-- Record changes of this unit of work, all of one kind. Run it under the lock of the account or user, and before an account
-- or a role is changed: the triggers of accounts and users record what is not recorded yet.
--
-- $1 changed_by   bigint    users.id; null: the command line
-- $2 kind         text      changes.kind
-- $3 account_ids  bigint[]  accounts.id, or null in each
-- $4 user_ids     bigint[]  users.id, or null in each
-- $5 api_key_ids  bigint[]  api_keys.id, or null in each
-- $6 befores      text[]    JSON objects; null: there was none
-- $7 afters       text[]    JSON objects; null: there is none now
--
-- Returns  none
-- Index    changes_account_id_idx, changes_user_id_idx
-- Locks    changes AccessShareLock, RowExclusiveLock; accounts RowShareLock; its rows FOR KEY SHARE; users RowShareLock; its
--          rows FOR KEY SHARE; api_keys RowShareLock; its rows FOR KEY SHARE
INSERT /* main/changes/insert */ INTO changes (
    at, changed_by, kind, account_id, user_id, api_key_id, before, after
)
SELECT
    greatest(
        statement_timestamp(),
        (
            SELECT max(earlier.at) + interval '1 microsecond'
            FROM changes AS earlier
            WHERE earlier.account_id = change.account_id
        ),
        (
            SELECT max(earlier.at) + interval '1 microsecond'
            FROM changes AS earlier
            WHERE earlier.user_id = change.user_id
        )
    ),
    $1::bigint, $2::text, change.account_id, change.user_id, change.api_key_id, change.before::jsonb,
    change.after::jsonb
FROM
    unnest(
        $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]
    ) AS change (account_id, user_id, api_key_id, before, after);
