-- Return a quantity of a reservation to stock, under the lock of its product; a no-op if the refund returned it before.
--
-- $1 refund_id    bigint  refunds.transfer_id of the main database
-- $2 purchase_id  bigint  reservations.purchase_id
-- $3 product_id   bigint  products.id, locked by this unit of work
-- $4 quantity     bigint
--
-- Returns  none
-- Index    returns_pkey, products_pkey
-- Locks    reservations RowShareLock; its row FOR KEY SHARE; returns, products RowExclusiveLock
WITH /* catalog/reservations/give_back */ given AS (
    INSERT INTO returns (refund_id, purchase_id, quantity)
    VALUES ($1::bigint, $2::bigint, $4::bigint)
    ON CONFLICT ON CONSTRAINT returns_pkey DO NOTHING
    RETURNING quantity
)
UPDATE products
SET
    -- Capped, as in reservations/release.
    stock = least(products.stock + given.quantity, 9007199254740991),
    supplied = products.supplied - greatest(products.stock + given.quantity - 9007199254740991, 0)
FROM given
WHERE products.id = $3::bigint;
