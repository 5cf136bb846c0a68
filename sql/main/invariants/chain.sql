-- Entries that do not continue the previous one: a gap in version, a balance that does not add up, an earlier time.
--
-- $1 limit  bigint  rows at most
--
-- Returns  account_id bigint, version bigint, balance_before bigint, amount bigint, balance_after bigint;
--          no row if all is well
-- Index    entries_pkey
-- Locks    entries AccessShareLock
SELECT /* main/invariants/chain */ account_id, version, balance_before, amount, balance_after
FROM (
    SELECT
        account_id, version, amount, balance_after, created_at,
        lag(balance_after, 1, 0::bigint) OVER in_order AS balance_before,
        lag(version, 1, 0::bigint) OVER in_order AS version_before,
        lag(created_at) OVER in_order AS created_before
    FROM entries
    WINDOW in_order AS (PARTITION BY account_id ORDER BY version)
) AS entry
WHERE balance_after <> balance_before + amount
    OR version <> version_before + 1
    OR created_at < created_before
ORDER BY account_id, version
LIMIT $1::bigint;
