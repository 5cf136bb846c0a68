-- Create a product. If its seller has used the Idempotency-Key before, or has as many products for sale as allowed,
-- nothing is written. The count ends there.
--
-- $1 seller_id        bigint  users.id of the main database
-- $2 account_id       bigint  accounts.id of the main database
-- $3 name             text
-- $4 description      text
-- $5 price            bigint  minor units
-- $6 currency         text    ISO 4217
-- $7 stock            bigint
-- $8 idempotency_key  text    null: no key
-- $9 quota            bigint  most products for sale of a seller
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          one row; none if the key is taken or the seller has no room
-- Index    products_idempotency_key_key, products_seller_id_idx
-- Locks    products AccessShareLock, RowExclusiveLock
INSERT /* catalog/products/insert */ INTO products (
    seller_id, account_id, name, description, price, currency, stock, supplied, idempotency_key, created_at, updated_at
)
SELECT
    $1::bigint, $2::bigint, $3::text, $4::text, $5::bigint, $6::text, $7::bigint AS stock, $7::bigint AS supplied,
    $8::text, statement_timestamp() AS created_at, statement_timestamp() AS updated_at
WHERE (
    SELECT count(*)
    FROM (
        SELECT id
        FROM products
        WHERE seller_id = $1::bigint
            AND archived_at IS NULL
        ORDER BY created_at
        LIMIT $9::bigint
    ) AS selling
) < $9::bigint
ON CONFLICT ON CONSTRAINT products_idempotency_key_key DO NOTHING
RETURNING
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at;
