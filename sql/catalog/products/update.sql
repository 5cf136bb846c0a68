-- Update a product that this unit of work has locked. A change of its stock is supplied, or taken back, by its seller.
--
-- $1 id           bigint  products.id
-- $2 account_id   bigint  accounts.id of the main database
-- $3 name         text
-- $4 description  text
-- $5 price        bigint  minor units
-- $6 stock        bigint
--
-- Returns  id bigint, seller_id bigint, account_id bigint, name text, description text, price bigint, currency text, stock bigint, version bigint, created_at timestamptz, updated_at timestamptz, archived_at timestamptz;
--          one row
-- Index    products_pkey
-- Locks    products RowExclusiveLock
UPDATE /* catalog/products/update */ products
SET
    account_id = $2::bigint,
    name = $3::text,
    description = $4::text,
    price = $5::bigint,
    stock = $6::bigint,
    supplied = supplied + $6::bigint - stock,
    version = version + 1,
    updated_at = statement_timestamp()
WHERE id = $1::bigint
RETURNING
    id, seller_id, account_id, name, description, price, currency, stock, version, created_at, updated_at, archived_at;
