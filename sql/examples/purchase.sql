-- A purchase: the statements of POST /purchases, in order, over two databases that share no transaction. README.md says
-- how to run this example. \connect switches databases, and loses all prepared statements.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- Bob sells notebooks for 4.00 EUR, and has five.
\connect :catalog
\set sql `cat sql/catalog/products/insert.sql`
PREPARE "catalog/products/insert" AS :sql
EXECUTE "catalog/products/insert" (
    :bob, :bobs, 'Notebook', 'A folio of 96 leaves.', 400, 'EUR', 5, NULL, 100000
) \gset product_

-- Ada buys two. First look for her key, without a lock: a repeated request is answered before the catalog is read.
\connect :main
\set sql `cat sql/main/idempotency_keys/find.sql`
PREPARE "main/idempotency_keys/find" AS :sql
EXECUTE "main/idempotency_keys/find" (:ada, 'notebooks-1');

-- The price is read now and stays the price of this purchase, even if the seller changes it.
\connect :catalog
\set sql `cat sql/catalog/products/get.sql`
PREPARE "catalog/products/get" AS :sql
EXECUTE "catalog/products/get" (:product_id) \gset product_
SELECT :'product_name' AS name, :product_price AS price, :product_stock AS stock, :product_version AS version;

-- Step 1, main: hold. The purchase is pending and its amount is held. After this commit the purchase will be finished,
-- by this request or, after 15 s, by a job.
\connect :main
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, :ada) \crosstabview id currency balance
\set sql `cat sql/main/idempotency_keys/find.sql`
PREPARE "main/idempotency_keys/find" AS :sql
EXECUTE "main/idempotency_keys/find" (:ada, 'notebooks-1');
\set sql `cat sql/main/purchases/insert.sql`
PREPARE "main/purchases/insert" AS :sql
EXECUTE "main/purchases/insert" (
    :ada, :product_id, 2, :product_price, 800, :adas, :bobs, 15, null, null
) \gset purchase_
\set sql `cat sql/main/purchases/get.sql`
PREPARE "main/purchases/get" AS :sql
EXECUTE "main/purchases/get" (:purchase_id) \gset purchase_
SELECT :'purchase_status' AS status, :purchase_amount AS amount, :'purchase_currency' AS currency;
\set sql `cat sql/main/idempotency_keys/insert.sql`
PREPARE "main/idempotency_keys/insert" AS :sql
EXECUTE "main/idempotency_keys/insert" (
    :ada, 'notebooks-1', sha256('["POST", "/purchases", {"quantity": 2}]'), 'purchase', :purchase_id, 'null'
);
COMMIT;

-- Step 2, catalog: reserve. Lock the product, look for a reservation by an earlier try, and lower the stock.
\connect :catalog
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/catalog/products/lock.sql`
PREPARE "catalog/products/lock" AS :sql
EXECUTE "catalog/products/lock" (:product_id, NULL) \crosstabview name currency stock
\set sql `cat sql/catalog/reservations/get.sql`
PREPARE "catalog/reservations/get" AS :sql
EXECUTE "catalog/reservations/get" (:purchase_id);
\set sql `cat sql/catalog/reservations/insert.sql`
PREPARE "catalog/reservations/insert" AS :sql
EXECUTE "catalog/reservations/insert" (:purchase_id, :product_id, 2, 'reserved');
COMMIT;

-- A step that runs late or twice finds the reservation, and changes nothing.
BEGIN ISOLATION LEVEL READ COMMITTED;
EXECUTE "catalog/products/lock" (:product_id, NULL) \crosstabview name currency stock
EXECUTE "catalog/reservations/get" (:purchase_id);
COMMIT;

-- Step 3, main: decide. Lock the accounts, expire overdue holds, lock the purchase, check that it is still pending,
-- free its money, and pay. This commit decides: with too little stock it would be rejected, out_of_stock.
\connect :main
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, null) \crosstabview id currency held
\set sql `cat sql/main/holds/expire.sql`
PREPARE "main/holds/expire" AS :sql
EXECUTE "main/holds/expire" (ARRAY[:adas], 10000);
\set sql `cat sql/main/purchases/lock.sql`
PREPARE "main/purchases/lock" AS :sql
EXECUTE "main/purchases/lock" (:purchase_id);
\set sql `cat sql/main/purchases/get.sql`
PREPARE "main/purchases/get" AS :sql
EXECUTE "main/purchases/get" (:purchase_id) \gset purchase_
SELECT :'purchase_status' AS status;
\set sql `cat sql/main/purchases/free.sql`
PREPARE "main/purchases/free" AS :sql
EXECUTE "main/purchases/free" (:purchase_id);
\set sql `cat sql/main/transfers/insert_one.sql`
PREPARE "main/transfers/insert_one" AS :sql
EXECUTE "main/transfers/insert_one" (
    :adas, :bobs, 800, format('Purchase %s', :purchase_id), :ada, null, null, null, null, null, null, null
) \gset paid_
\set sql `cat sql/main/purchases/decide.sql`
PREPARE "main/purchases/decide" AS :sql
EXECUTE "main/purchases/decide" (:purchase_id, 'completed', NULL, :paid_id);
COMMIT;

-- Step 4, catalog: confirm. If the purchase was rejected, this step releases the reservation and returns it to stock.
\connect :catalog
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/catalog/reservations/confirm.sql`
PREPARE "catalog/reservations/confirm" AS :sql
EXECUTE "catalog/reservations/confirm" (:purchase_id, :product_id, 2);
COMMIT;

-- Last, main: finish. No job needs to look at the purchase again.
\connect :main
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/purchases/finish.sql`
PREPARE "main/purchases/finish" AS :sql
EXECUTE "main/purchases/finish" (:purchase_id, 'completed');
COMMIT;
SELECT id, balance, held, version FROM accounts WHERE id IN (:adas, :bobs) ORDER BY id;

-- The seller refunds one of the two. Step 1, main: after the same locks, the money is paid back and the refund written,
-- in one commit, which decides.
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, null) \crosstabview id currency held
\set sql `cat sql/main/purchases/lock.sql`
PREPARE "main/purchases/lock" AS :sql
EXECUTE "main/purchases/lock" (:purchase_id);
\set sql `cat sql/main/transfers/insert_one.sql`
PREPARE "main/transfers/insert_one" AS :sql
EXECUTE "main/transfers/insert_one" (
    :bobs, :adas, 400, format('Refund of purchase %s', :purchase_id), :bob, null, null, :paid_id, null, null, null, null
) \gset refund_
\set sql `cat sql/main/refunds/insert.sql`
PREPARE "main/refunds/insert" AS :sql
EXECUTE "main/refunds/insert" (:refund_id, :purchase_id, 1, 15);
COMMIT;

-- Step 2, catalog: the quantity goes back to stock, once, however often the step runs.
\connect :catalog
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/catalog/products/lock.sql`
PREPARE "catalog/products/lock" AS :sql
EXECUTE "catalog/products/lock" (:product_id, null) \crosstabview name currency stock
\set sql `cat sql/catalog/reservations/give_back.sql`
PREPARE "catalog/reservations/give_back" AS :sql
EXECUTE "catalog/reservations/give_back" (:refund_id, :purchase_id, :product_id, 1);
EXECUTE "catalog/reservations/give_back" (:refund_id, :purchase_id, :product_id, 1);
COMMIT;

-- Step 3, main: no job needs to look at the refund again.
\connect :main
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/refunds/finish.sql`
PREPARE "main/refunds/finish" AS :sql
EXECUTE "main/refunds/finish" (:refund_id);
COMMIT;

-- The audit compares every purchase that was decided a while ago (here, 0 s) with its reservation in the catalog.
\set sql `cat sql/main/purchases/list_after.sql`
PREPARE "main/purchases/list_after" AS :sql
EXECUTE "main/purchases/list_after" (0, 0, 1000);
\connect :catalog
\set sql `cat sql/catalog/reservations/list_of.sql`
PREPARE "catalog/reservations/list_of" AS :sql
EXECUTE "catalog/reservations/list_of" (ARRAY[:purchase_id]);
\set sql `cat sql/catalog/products/get.sql`
PREPARE "catalog/products/get" AS :sql
EXECUTE "catalog/products/get" (:product_id) \crosstabview name currency stock
