-- Accounts whose owner, minimum and status are not those of the last row in the record of changes, and rows of the record
-- that do not begin with what the row before ends with.
--
-- $1 limit  bigint  rows at most
--
-- Returns  account_id bigint, at timestamptz, recorded jsonb, found jsonb;
--          no row if all is well; at: of the row that begins wrongly, or null if the account differs from its last row
-- Index    none
-- Locks    accounts, changes AccessShareLock
SELECT /* main/invariants/record */ broken.account_id, broken.at, broken.recorded, broken.found
FROM (
    SELECT
        account_id, at, before AS found,
        lag(after) OVER (PARTITION BY account_id ORDER BY at, id) AS recorded
    FROM changes
    WHERE account_id IS NOT NULL
    UNION ALL
    SELECT
        accounts.id, NULL,
        jsonb_build_object('owner_id', accounts.owner_id, 'minimum', accounts.minimum, 'status', accounts.status),
        last.after
    FROM accounts
    LEFT JOIN (
        SELECT DISTINCT ON (account_id) account_id, after
        FROM changes
        WHERE account_id IS NOT NULL
        ORDER BY account_id ASC, at DESC, id DESC
    ) AS last ON last.account_id = accounts.id
) AS broken
WHERE broken.recorded IS DISTINCT FROM broken.found
ORDER BY broken.account_id, broken.at
LIMIT $1::bigint;
