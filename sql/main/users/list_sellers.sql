-- Read the seller, the payee account and the Idempotency-Key of each of these products, to compare the two databases.
--
-- $1 product_ids  bigint[]  products.id of the catalog
-- $2 seller_ids   bigint[]  users.id
-- $3 account_ids  bigint[]  accounts.id
-- $4 keys         text[]    Idempotency-Key of the product; null: no key
--
-- Returns  product_id bigint, seller_since timestamptz, off_sale boolean, owner_id bigint, currency text, account_since timestamptz, key_kind text;
--          one row for each product, by id; null where a seller, an account or a key does not exist
-- Index    users_pkey, accounts_pkey, idempotency_keys_pkey
-- Locks    users, accounts, idempotency_keys AccessShareLock
SELECT /* main/users/list_sellers */
    product.id AS product_id, users.created_at AS seller_since, users.off_sale, accounts.owner_id, accounts.currency,
    accounts.created_at AS account_since, idempotency_keys.kind AS key_kind
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS product (id, seller_id, account_id, key)
LEFT JOIN users ON users.id = product.seller_id
LEFT JOIN accounts ON accounts.id = product.account_id
LEFT JOIN idempotency_keys ON idempotency_keys.user_id = product.seller_id AND idempotency_keys.key = product.key
ORDER BY product.id;
