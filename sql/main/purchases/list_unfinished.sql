-- List unfinished purchases, and purchases with an unfinished refund, oldest first.
--
-- $1 limit  bigint  rows at most
--
-- Returns  id bigint, status text, since timestamptz;
--          a page of rows; since: time of the refund, else of the decision, else of the start
-- Index    purchases_unfinished_idx, refunds_purchase_id_idx, purchases_pkey
-- Locks    purchases, refunds AccessShareLock
SELECT /* main/purchases/list_unfinished */ id, status, since
FROM (
    SELECT id, status, coalesce(decided_at, created_at) AS since
    FROM purchases
    WHERE NOT finished
    UNION ALL
    SELECT purchases.id, purchases.status, refunds.created_at
    FROM refunds
    JOIN purchases ON purchases.id = refunds.purchase_id
    WHERE NOT refunds.finished
) AS unfinished
ORDER BY since, id
LIMIT $1::bigint;
