-- Mark a purchase as finished: the catalog knows its decision. A no-op if the purchase has changed its status since.
--
-- $1 id      bigint  purchases.id
-- $2 status  text    status that the catalog was told: completed, rejected, refunded
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock
UPDATE /* main/purchases/finish */ purchases
SET finished = TRUE
WHERE id = $1::bigint
    AND status = $2::text;
