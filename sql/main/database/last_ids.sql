-- Read the last id that each sequence gave, for the tables that the catalog refers to.
--
-- $ none
--
-- Returns  users bigint, accounts bigint, purchases bigint;
--          one row; 0 if none was given
-- Index    none
-- Locks    none
SELECT /* main/database/last_ids */
    (SELECT last_value - (NOT is_called)::int FROM users_id_seq) AS users,
    (SELECT last_value - (NOT is_called)::int FROM accounts_id_seq) AS accounts,
    (SELECT last_value - (NOT is_called)::int FROM purchases_id_seq) AS purchases;
