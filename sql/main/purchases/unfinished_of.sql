-- Check if a user is the buyer or seller of an unfinished purchase. This unit of work has locked the user and all the user's accounts.
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
        FROM sales
        WHERE NOT finished
            AND (buyer_id = $1::bigint OR seller_id = $1::bigint)
    ) AS found;
