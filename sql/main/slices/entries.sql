-- End a slice of entries by account and version, which main/invariants/balance reads in one snapshot.
--
-- $1 after  bigint[]  accounts.id and entries.version at which the slice before ended; null: this is the first
-- $2 size   bigint    entries, and accounts, at most
--
-- Returns  until text, progress double precision;
--          one row; until is null if the slice is the last; progress is the part of all accounts below it, from 0 to 1
-- Index    entries_pkey, accounts_pkey
-- Locks    entries, accounts AccessShareLock
SELECT /* main/slices/entries */
    slice.until::text AS until,
    coalesce(slice.until[1]::double precision / (SELECT max(id) FROM accounts), 1) AS progress
FROM (
    SELECT least(
        (
            SELECT ARRAY[account_id, version]
            FROM entries
            WHERE (account_id, version) > (coalesce(($1::bigint[])[1], 0), coalesce(($1::bigint[])[2], 0))
            ORDER BY account_id, version
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT ARRAY[id, 0]
            FROM accounts
            WHERE id > coalesce(($1::bigint[])[1], 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        )
    ) AS until
) AS slice;
