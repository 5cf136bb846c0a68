-- Check if a user is the buyer or seller of an unfinished purchase. The user and all of the user's accounts are locked
-- by this unit of work.
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
