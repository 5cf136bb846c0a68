-- Tell whether a user, locked by this unit of work with all accounts, buys or sells something that is not at its end.
--
-- $1 user_id  bigint  users.id
--
-- Returns  found boolean;
--          one row
-- Index    purchases_unfinished_idx, accounts_pkey
-- Locks    purchases, accounts AccessShareLock
SELECT /* main/purchases/unfinished_of */
    exists(
        SELECT 1
        FROM purchase_details
        WHERE NOT finished
            AND (buyer_id = $1::bigint OR seller_id = $1::bigint)
    ) AS found;
