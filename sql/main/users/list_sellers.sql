-- Read the seller, the payee account and the Idempotency-Key of each of these products, to compare the two databases.
--
-- $1 product_ids  bigint[]  products.id of the catalog
-- $2 seller_ids   bigint[]  users.id
-- $3 account_ids  bigint[]  accounts.id
-- $4 keys         text[]    Idempotency-Key of the product; null: no key
--
-- Returns  product_id bigint, seller_since timestamptz, off_sale boolean, currency text, account_since timestamptz, was_owner boolean, recorded_since timestamptz, key_kind text;
--          one row for each product, by id; null if a seller, an account or a key does not exist; was_owner: the record says
--          that the account was once the seller's; recorded_since: null if the record begins with the account
-- Index    users_pkey, accounts_pkey, changes_account_id_idx, idempotency_keys_pkey
-- Locks    users, accounts, changes, idempotency_keys AccessShareLock
SELECT /* main/users/list_sellers */
    product.id AS product_id, users.created_at AS seller_since, users.off_sale, accounts.currency,
    accounts.created_at AS account_since, record.was_owner, record.since AS recorded_since,
    idempotency_keys.kind AS key_kind
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[]) AS product (id, seller_id, account_id, key)
LEFT JOIN users ON users.id = product.seller_id
LEFT JOIN accounts ON accounts.id = product.account_id
LEFT JOIN LATERAL (
    SELECT
        bool_or((changes.after ->> 'owner_id')::bigint = product.seller_id) AS was_owner,
        min(changes.at) FILTER (WHERE changes.kind = 'account_recorded') AS since
    FROM changes
    WHERE changes.account_id = accounts.id
) AS record ON TRUE
LEFT JOIN idempotency_keys ON idempotency_keys.user_id = product.seller_id AND idempotency_keys.key = product.key
ORDER BY product.id;
