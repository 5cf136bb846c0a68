-- Accounts whose owner, minimum and status are not those of the last row in the record of changes, and rows of the record
-- that do not begin as the row before ends.
--
-- $1 after  bigint  accounts.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  account_id bigint, at timestamptz, recorded jsonb, found jsonb;
--          no row if all is well; at: of the row that begins wrongly, or null if the account differs from its last row
-- Index    accounts_pkey, changes_account_id_idx
-- Locks    accounts, changes AccessShareLock
SELECT /* main/invariants/record */ broken.account_id, broken.at, broken.recorded, broken.found
FROM (
    SELECT
        account_id, at, before AS found,
        lag(after) OVER (PARTITION BY account_id ORDER BY at, id) AS recorded
    FROM changes
    WHERE account_id > coalesce($1::bigint, 0)
        AND account_id <= coalesce($2::bigint, 9223372036854775807)
    UNION ALL
    SELECT
        accounts.id, NULL,
        jsonb_build_object('owner_id', accounts.owner_id, 'minimum', accounts.minimum, 'status', accounts.status),
        last.after
    FROM accounts
    LEFT JOIN (
        SELECT DISTINCT ON (account_id) account_id, after
        FROM changes
        WHERE account_id > coalesce($1::bigint, 0)
            AND account_id <= coalesce($2::bigint, 9223372036854775807)
        ORDER BY account_id ASC, at DESC, id DESC
    ) AS last ON last.account_id = accounts.id
    WHERE accounts.id > coalesce($1::bigint, 0)
        AND accounts.id <= coalesce($2::bigint, 9223372036854775807)
) AS broken
WHERE broken.recorded IS DISTINCT FROM broken.found
ORDER BY broken.account_id, broken.at
LIMIT $3::bigint;
