-- End a slice of ids, which the invariants of this database read in one snapshot: it has at most as many rows of each
-- table as the size says.
--
-- $1 after  bigint  id at which the slice before ended; null: this is the first
-- $2 size   bigint  rows of each table, at most
--
-- Returns  until text, progress double precision;
--          one row; until is null if the slice is the last; progress is the part of all ids that are below it, from 0 to 1
-- Index    products_pkey, reservations_pkey
-- Locks    products, reservations AccessShareLock
SELECT /* catalog/slices/ids */
    slice.until::text AS until,
    coalesce(
        slice.until::double precision / greatest(
            (SELECT max(id) FROM products),
            (SELECT max(purchase_id) FROM reservations)
        ),
        1
    ) AS progress
FROM (
    SELECT least(
        (
            SELECT id
            FROM products
            WHERE id > coalesce($1::bigint, 0)
            ORDER BY id
            LIMIT 1 OFFSET $2::bigint - 1
        ),
        (
            SELECT purchase_id
            FROM reservations
            WHERE purchase_id > coalesce($1::bigint, 0)
            ORDER BY purchase_id
            LIMIT 1 OFFSET $2::bigint - 1
        )
    ) AS until
) AS slice;
