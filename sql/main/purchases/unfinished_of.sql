-- Check if a user is the buyer or seller of an unfinished purchase, or of one with an unfinished refund. The user and all of the user's accounts are locked
-- by this unit of work.
--
-- $1 user_id  bigint  users.id
--
-- Returns  found boolean;
--          one row
-- Index    purchases_unfinished_idx, refunds_purchase_id_idx, purchases_pkey, accounts_pkey
-- Locks    purchases, accounts, refunds AccessShareLock
SELECT /* main/purchases/unfinished_of */
    exists(
        SELECT 1
        FROM (
            SELECT buyer_id, payee_account_id
            FROM purchases
            WHERE NOT finished
            UNION ALL
            SELECT purchases.buyer_id, purchases.payee_account_id
            FROM refunds
            JOIN purchases ON purchases.id = refunds.purchase_id
            WHERE NOT refunds.finished
        ) AS unfinished
        JOIN accounts AS payee ON payee.id = unfinished.payee_account_id
        WHERE unfinished.buyer_id = $1::bigint OR payee.owner_id = $1::bigint
    ) AS found;
