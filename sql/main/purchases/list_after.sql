-- List purchases that were decided a while ago or are unfinished, by page, to compare the two databases.
--
-- $1 after_id  bigint  purchases.id of the last row seen
-- $2 age       bigint  seconds since the decision, at least
-- $3 limit     bigint  rows at most
--
-- Returns  id bigint, product_id bigint, quantity bigint, status text, finished boolean, refunded_quantity bigint;
--          a page of rows, by id
-- Index    purchases_pkey, accounts_pkey, transfers_reverses_id_idx, refunds_pkey
-- Locks    purchases, accounts, transfers, refunds AccessShareLock
WITH /* main/purchases/list_after */ page AS MATERIALIZED (
    SELECT id
    FROM purchases
    WHERE id > $1::bigint
        AND (NOT finished OR decided_at <= (SELECT clock_timestamp()) - make_interval(secs => $2::bigint))
    ORDER BY id
    LIMIT $3::bigint
)
SELECT
    purchase_details.id, product_id, quantity, status, finished AND returned AS finished, refunded_quantity
FROM page
JOIN purchase_details ON purchase_details.id = page.id
ORDER BY purchase_details.id
LIMIT $3::bigint;
