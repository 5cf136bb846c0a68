-- Read the largest ids of the main database that the catalog refers to.
--
-- $ none
--
-- Returns  users bigint, accounts bigint, purchases bigint;
--          one row; 0 if the catalog refers to none
-- Index    products_idempotency_key_key, products_account_id_idx, reservations_pkey
-- Locks    products, reservations AccessShareLock
SELECT /* catalog/database/references */
    coalesce((SELECT max(seller_id) FROM products), 0) AS users,
    coalesce((SELECT max(account_id) FROM products), 0) AS accounts,
    coalesce((SELECT max(purchase_id) FROM reservations), 0) AS purchases;
