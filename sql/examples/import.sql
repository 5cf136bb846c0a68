-- An import: the statements of `folio import` for a file of two lines, in order. README.md says how to run this example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- First the whole file is checked: the accounts of its lines exist and are in one currency.
\set sql `cat sql/main/accounts/list_currencies.sql`
PREPARE "main/accounts/list_currencies" AS :sql
EXECUTE "main/accounts/list_currencies" (ARRAY[:adas, :bobs]) \g /dev/null
\echo accounts: :ROW_COUNT

-- Then each batch, of up to 1,000 lines, is one unit of work. Bob is the operator of the command.

-- 1. Lock the accounts of all lines, by id. Any account may pay.
BEGIN ISOLATION LEVEL READ COMMITTED;
\set sql `cat sql/main/accounts/lock.sql`
PREPARE "main/accounts/lock" AS :sql
EXECUTE "main/accounts/lock" (ARRAY[:adas, :bobs], ARRAY[:bobs, :adas], '{NULL,NULL}') \crosstabview id currency balance

-- 2. Look for the keys of all lines, now that the locks are held: an earlier run has made none of them.
\set sql `cat sql/main/idempotency_keys/find_many.sql`
PREPARE "main/idempotency_keys/find_many" AS :sql
EXECUTE "main/idempotency_keys/find_many" (ARRAY[:bob, :bob], '{old-1,old-2}');

-- 3. Judge each line on the balances that the earlier ones leave, and write all transfers.
\set sql `cat sql/main/transfers/insert.sql`
PREPARE "main/transfers/insert" AS :sql
EXECUTE "main/transfers/insert" (
    ARRAY[:adas, :bobs], ARRAY[:bobs, :adas], '{1250,300}', '{Lunch,NULL}', ARRAY[:bob, :bob], '{NULL,NULL}',
    '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}', '{invoice-1,NULL}', ARRAY[:bob, NULL],
    ARRAY['{"occurred_at":"2019-01-31T11:00:00.000000Z"}', NULL]
) \crosstabview id from_version from_balance

-- 4. Store the key of each line with its transfer. The SHA-256 of a line, shortened here, tells it from another line.
SELECT max(id) - 1 AS first, max(id) AS second FROM transfers \gset
\set sql `cat sql/main/idempotency_keys/insert_many.sql`
PREPARE "main/idempotency_keys/insert_many" AS :sql
EXECUTE "main/idempotency_keys/insert_many" (
    ARRAY[:bob, :bob], '{old-1,old-2}', ARRAY[sha256('["IMPORT", "old-1"]'), sha256('["IMPORT", "old-2"]')],
    '{import,import}', ARRAY[:first, :second]::bigint[], '{NULL,NULL}',
    '{"{}","{}"}'
);
COMMIT;

-- The command is killed and run again: it finds the keys under the locks, and writes nothing.
BEGIN ISOLATION LEVEL READ COMMITTED;
EXECUTE "main/accounts/lock" (ARRAY[:adas, :bobs], ARRAY[:bobs, :adas], '{NULL,NULL}') \crosstabview id currency balance
EXECUTE "main/idempotency_keys/find_many" (ARRAY[:bob, :bob], '{old-1,old-2}') \g /dev/null
\echo keys: :ROW_COUNT
COMMIT;

-- Each line was applied once.
SELECT account_id = :adas AS is_adas, version, amount, balance_after FROM entries
WHERE account_id IN (:adas, :bobs) ORDER BY account_id, version;
