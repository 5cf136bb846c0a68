-- A transfer: the statements of POST /transfers, in order. README.md says how to run this example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- Every file is prepared unedited, under its own name. A session first sets its timeouts: 5 s for a statement, 2 s for
-- a lock, 10 s idle in a transaction.
\set sql `cat sql/both/session/configure.sql`
PREPARE "both/session/configure" AS :sql
EXECUTE "both/session/configure" (
    '{statement_timeout,lock_timeout,idle_in_transaction_session_timeout}', '{5s,2s,10s}'
);

-- Ada looks whose account it is before she pays.
\set sql `cat sql/main/accounts/get_payee.sql`
PREPARE "main/accounts/get_payee" AS :sql
EXECUTE "main/accounts/get_payee" (:bobs) \gset payee_
SELECT :'payee_username' AS username, :'payee_currency' AS currency, :'payee_accepts_payments' AS accepts_payments;

-- Ada pays bob 12.50 EUR for lunch, under an Idempotency-Key, with a reference and metadata of her own. The SHA-256 of
-- the request, shortened here, is stored with the key.
\set key lunch-1
SELECT sha256('["POST", "/transfers", {"amount": 1250, "description": "Lunch"}]') AS request_hash \gset

BEGIN ISOLATION LEVEL READ COMMITTED;

-- 1. Lock both accounts in id order, in either direction of payment: opposite transfers wait, and never deadlock. Only
--    if the payer is ada's: strangers lock nothing.
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, :ada) \crosstabview id currency balance

-- 2. Look for the key, now that the locks are held: an earlier answer wins over any refusal. There is no earlier
--    answer.
\set sql `cat sql/main/idempotency_keys/find.sql`
PREPARE "main/idempotency_keys/find" AS :sql
EXECUTE "main/idempotency_keys/find" (:ada, :'key');

-- 3. Decide, on the locked rows: ada owns the paying account, both accounts are open and in one currency, and the
--    available money is enough. The service decides in repositories/ledger/; the tables' constraints would refuse a
--    mistake.

-- 4. Write the transfer, its two entries, its key and both balances, in one statement.
\set sql `cat sql/main/transfers/insert_one.sql`
PREPARE "main/transfers/insert_one" AS :sql
EXECUTE "main/transfers/insert_one" (
    :adas, :bobs, 1250, 'Lunch', :ada, :'key', :'request_hash', null, null,
    'lunch-1', :ada, '{"team":"north"}'
) \gset written_
SELECT :written_from_balance AS from_balance, :written_from_version AS from_version,
    :written_to_balance AS to_balance, :written_to_version AS to_version;

-- 5. The service answers only after this COMMIT is confirmed.
COMMIT;

-- The answer is lost, and the client repeats the request: the same locks, and now the key is found.
BEGIN ISOLATION LEVEL READ COMMITTED;
EXECUTE "main/accounts/lock_pair" (:adas, :bobs, :ada) \crosstabview id currency balance
EXECUTE "main/idempotency_keys/find" (:ada, :'key') \gset found_
SELECT :'found_kind' AS kind, :found_resource_id = :written_id AS same_transfer,
    :'found_shown_account_ids' AS shown_account_ids, :'found_request_hash' = :'request_hash' AS same_request;

-- The answer is built from the receipt, which never changes, with the balance of ada's account only, as the first time.
\set sql `cat sql/main/transfers/get.sql`
PREPARE "main/transfers/get" AS :sql
EXECUTE "main/transfers/get" (:found_resource_id) \gset receipt_
SELECT :receipt_amount AS amount, :'receipt_currency' AS currency, :'receipt_description' AS description,
    :receipt_from_balance AS from_balance, :receipt_from_version AS from_version;
COMMIT;

-- A different request under ada's key has a different hash, and is refused with idempotency_key_reused.
SELECT sha256('["POST", "/transfers", {"amount": 9999, "description": "Lunch"}]') = :'found_request_hash'
    AS same_request;

-- Ada finds the transfer by her reference. The last parameters are the page: from, before, id and limit.
\set sql `cat sql/main/transfers/list_by_writer.sql`
PREPARE "main/transfers/list_by_writer" AS :sql
EXECUTE "main/transfers/list_by_writer" (:ada, 'lunch-1', null, '0001-01-01', 'infinity', 0, 51) \gset mine_
SELECT :mine_id = :written_id AS same_transfer, :'mine_reference' AS reference, :'mine_metadata' AS metadata;

-- Lunch was paid once.
SELECT account_id = :adas AS is_adas, version, amount, balance_after FROM entries
WHERE account_id IN (:adas, :bobs) ORDER BY account_id, version;

-- Bob follows his account: the entries after the version that he has, oldest first. Versions have no gaps, so he can
-- tell that he missed nothing. A process asks for the versions of all followed accounts in one statement.
\set sql `cat sql/main/accounts/list_changed.sql`
PREPARE "main/accounts/list_changed" AS :sql
EXECUTE "main/accounts/list_changed" (ARRAY[:adas, :bobs], '{2,0}') \gset changed_
SELECT :changed_id = :bobs AS is_bobs, :changed_version AS version;
\set sql `cat sql/main/entries/list_after.sql`
PREPARE "main/entries/list_after" AS :sql
EXECUTE "main/entries/list_after" (:bobs, 0, 100) \gset entry_
SELECT :entry_version AS version, :entry_amount AS amount, :entry_balance_after AS balance_after;

-- Bob pays 5.00 EUR back: POST /transfers/{id}/reversal. The sum of earlier reversals is read under the locks of both
-- accounts, so that the decision holds: at most 12.50 EUR are left, however many reversals arrive at once.
BEGIN ISOLATION LEVEL READ COMMITTED;
EXECUTE "main/transfers/get" (:written_id) \gset original_
EXECUTE "main/accounts/lock_pair" (:bobs, :adas, null) \crosstabview id currency balance
EXECUTE "main/idempotency_keys/find" (:bob, 'back-1');
\set sql `cat sql/main/transfers/sum_reversed.sql`
PREPARE "main/transfers/sum_reversed" AS :sql
EXECUTE "main/transfers/sum_reversed" (:written_id);
EXECUTE "main/transfers/insert_one" (
    :bobs, :adas, 500, null, :bob, 'back-1', sha256('["POST", "/transfers/2/reversal", {"amount": 500}]'),
    :written_id, null, :'original_reference', :ada, null
) \gset reversal_
COMMIT;

-- The reversal has inherited ada's reference, and she finds both. Of the lunch, 5.00 EUR are paid back.
SELECT reversal.id = :reversal_id AS is_reversal, reversal.reference, reversal.reversed_amount
FROM transfer_details AS reversal
WHERE reversal.reference_by = :ada ORDER BY reversal.id;
