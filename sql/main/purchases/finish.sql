-- Note that the catalog knows how a purchase was decided; not where it was decided anew since.
--
-- $1 id      bigint  purchases.id
-- $2 status  text    what the catalog was told: completed, rejected, refunded
--
-- Returns  none
-- Index    purchases_pkey
-- Locks    purchases RowExclusiveLock
UPDATE /* main/purchases/finish */ purchases
SET finished = TRUE
WHERE id = $1::bigint
    AND status = $2::text;
