-- A hold and its capture: the statements of POST /holds and POST /holds/{id}/capture, in order.
-- README.md says how to run this example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- The state of the two accounts. Every other statement below is a file of the service.
PREPARE accounts_now AS
SELECT id, balance, held, balance - held AS available, version FROM accounts WHERE id IN (:adas, :bobs) ORDER BY id;

-- Ada holds 30.00 EUR for bob, for a day.
BEGIN ISOLATION LEVEL READ COMMITTED;

-- 1. Lock both accounts, by id. Neither has a hold yet; if one had, its overdue holds would be expired now.
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, :ada) \crosstabview id currency balance

-- 2. Look for the key, now that the locks are held.
\set sql `cat sql/main/idempotency_keys/find.sql`
PREPARE "main/idempotency_keys/find" AS :sql
EXECUTE "main/idempotency_keys/find" (:ada, 'room-1');

-- 3. Decide as for a transfer. Then write the hold and add its amount to the held amount of ada's account, in one statement.
\set sql `cat sql/main/holds/insert.sql`
PREPARE "main/holds/insert" AS :sql
EXECUTE "main/holds/insert" (:adas, :bobs, 3000, 'Deposit', 86400, :ada, 'rent-7', null) \gset hold_

-- 4. Read the hold for the answer, and store the answer under the key.
\set sql `cat sql/main/holds/get.sql`
PREPARE "main/holds/get" AS :sql
EXECUTE "main/holds/get" (:hold_id) \gset hold_
SELECT :hold_amount AS amount, :'hold_status' AS status, :'hold_expires_at' > :'hold_created_at' AS expires_later;
\set sql `cat sql/main/idempotency_keys/insert.sql`
PREPARE "main/idempotency_keys/insert" AS :sql
EXECUTE "main/idempotency_keys/insert" (
    :ada, 'room-1', sha256('["POST", "/holds", {"amount": 3000}]'), 'hold', :hold_id,
    json_build_object('id', :hold_id, 'status', :'hold_status')
);
COMMIT;

-- The money is still ada's but cannot be spent. No entry was written, so the versions have not changed.
EXECUTE accounts_now;

-- Bob captures 25.00 EUR of the hold. A hold is captured once, and the rest is free again at the same moment.
BEGIN ISOLATION LEVEL READ COMMITTED;

-- 1. Read the hold for its accounts, and lock those first: every unit of work locks accounts before holds.
EXECUTE "main/holds/get" (:hold_id) \gset hold_
EXECUTE "main/accounts/lock_pair" (:hold_from_account_id, :hold_to_account_id, null) \crosstabview id currency balance

-- 2. Ada's account has holds: overdue ones expire now, even if the job that expires holds has not run. None is overdue.
\set sql `cat sql/main/holds/expire.sql`
PREPARE "main/holds/expire" AS :sql
EXECUTE "main/holds/expire" (ARRAY[:adas], 10000);

-- 3. Lock the hold, read it again under the lock, and look for bob's key.
\set sql `cat sql/main/holds/lock.sql`
PREPARE "main/holds/lock" AS :sql
EXECUTE "main/holds/lock" (:hold_id);
EXECUTE "main/holds/get" (:hold_id) \gset hold_
SELECT :'hold_status' AS status;
EXECUTE "main/idempotency_keys/find" (:bob, 'room-1-paid');

-- 4. Decide on the balance that ada's account would have without the hold. Then settle the hold: one row, or none if
--    the hold expired since step 2, and then the capture is refused.
\set sql `cat sql/main/holds/settle.sql`
PREPARE "main/holds/settle" AS :sql
EXECUTE "main/holds/settle" (:hold_id, 'captured');
\echo rows: :ROW_COUNT

-- 5. Pay by a transfer that refers to the hold. Its key is null, since bob's key will refer to the hold.
\set sql `cat sql/main/transfers/insert_one.sql`
PREPARE "main/transfers/insert_one" AS :sql
EXECUTE "main/transfers/insert_one" (
    :adas, :bobs, 2500, 'Deposit', :bob, null, null, null, :hold_id, 'rent-7', :ada, null
) \gset paid_

-- 6. Store the answer under bob's key.
EXECUTE "main/idempotency_keys/insert" (
    :bob, 'room-1-paid', sha256('["POST", "/holds/capture", {"amount": 2500}]'), 'hold', :hold_id,
    json_build_object('id', :hold_id, 'status', 'captured', 'transfer_id', :paid_id)
);
COMMIT;

EXECUTE accounts_now;
EXECUTE "main/holds/get" (:hold_id) \gset hold_
SELECT :'hold_status' AS status, :hold_amount AS amount, :hold_captured_amount AS captured_amount,
    :hold_transfer_id = :paid_id AS paid_by_that_transfer;

-- A second capture finds the hold captured, and is refused with hold_not_active before anything is written. The
-- statement itself would be a no-op.
EXECUTE "main/holds/settle" (:hold_id, 'captured');
\echo rows: :ROW_COUNT

-- A release runs the same steps up to step 4, which settles the hold as 'released', and no transfer.
