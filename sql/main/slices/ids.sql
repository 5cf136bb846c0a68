-- End a slice of ids, which the invariants of this database read in one snapshot: it has at most as many rows of each
-- table as the size says.
--
-- $1 after  bigint  id at which the slice before ended; null: this is the first
-- $2 size   bigint  rows of each table, at most
--
-- Returns  until text, progress double precision;
--          one row; until is null if the slice is the last; progress is the part of all ids that are below it, from 0 to 1
-- Index    accounts_pkey, api_keys_pkey, changes_pkey, holds_pkey, posts_pkey, purchases_pkey, transfers_pkey, users_pkey
-- Locks    accounts, api_keys, changes, holds, posts, purchases, transfers, users AccessShareLock
SELECT /* main/slices/ids */
    slice.until::text AS until,
    coalesce(
        slice.until::double precision / greatest(
            (SELECT max(id) FROM accounts),
            (SELECT max(id) FROM api_keys),
            (SELECT max(id) FROM changes),
            (SELECT max(id) FROM holds),
            (SELECT max(id) FROM posts),
            (SELECT max(id) FROM purchases),
            (SELECT max(id) FROM transfers),
            (SELECT max(id) FROM users)
        ),
        1
    ) AS progress
FROM (
    SELECT least(
        (
            SELECT id
            FROM accounts
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM api_keys
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM changes
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM holds
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM posts
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM purchases
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM transfers
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT id
            FROM users
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        )
    ) AS until
) AS slice;
