-- Free the money of a pending purchase before the same unit of work decides it: the payment may need that money.
--
-- $1 id  bigint  purchases.id, locked by this unit of work, as is its paying account
--
-- Returns  none
-- Index    purchases_pkey, accounts_pkey
-- Locks    purchases AccessShareLock; accounts RowExclusiveLock
UPDATE /* main/purchases/free */ accounts
SET held = accounts.held - purchases.amount
FROM purchases
WHERE purchases.id = $1::bigint
    AND purchases.status = 'pending'
    AND accounts.id = purchases.account_id;
