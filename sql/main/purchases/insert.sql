-- Begin a purchase, decided under the locks: write it as pending and add its amount to the payer's held amount.
--
-- $1 buyer_id          bigint  users.id
-- $2 product_id        bigint  products.id of the catalog
-- $3 quantity          bigint
-- $4 unit_price        bigint  minor units
-- $5 amount            bigint  minor units
-- $6 account_id        bigint  accounts.id, locked by this unit of work
-- $7 payee_account_id  bigint  accounts.id, locked by this unit of work
-- $8 lease             bigint  seconds during which no job takes it
-- $9 reference         text    of buyer_id; null: none
-- $10 metadata         json    null: none
--
-- Returns  id bigint;
--          one row
-- Index    accounts_pkey
-- Locks    users RowShareLock; its row FOR KEY SHARE; accounts RowShareLock, RowExclusiveLock; its row FOR KEY SHARE;
--          purchases RowExclusiveLock
WITH /* main/purchases/insert */ held AS (
    UPDATE accounts
    SET held = held + $5::bigint
    WHERE id = $6::bigint
)
INSERT INTO purchases (
    buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id, leased_until, reference, metadata
)
VALUES (
    $1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint,
    statement_timestamp() + make_interval(secs => $8::bigint), $9::text, $10::json
)
RETURNING id;
