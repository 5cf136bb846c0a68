-- Reservations of which more was returned than they took.
--
-- $1 after  bigint  reservations.purchase_id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  purchase_id bigint, status text, quantity bigint, returned numeric;
--          no row if all is well
-- Index    returns_purchase_id_idx, reservations_pkey
-- Locks    reservations, returns AccessShareLock
SELECT /* catalog/invariants/returns */
    returned.purchase_id, reservations.status, reservations.quantity, returned.quantity AS returned
FROM (
    SELECT purchase_id, sum(quantity) AS quantity
    FROM returns
    WHERE purchase_id > coalesce($1::bigint, 0)
        AND purchase_id <= coalesce($2::bigint, 9223372036854775807)
    GROUP BY purchase_id
) AS returned
LEFT JOIN reservations ON reservations.purchase_id = returned.purchase_id
WHERE reservations.purchase_id IS NULL
    OR reservations.status NOT IN ('reserved', 'confirmed')
    OR returned.quantity > reservations.quantity
ORDER BY returned.purchase_id
LIMIT $3::bigint;
