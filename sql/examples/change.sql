-- A recorded change: the statements of PATCH /accounts/{id} by an operator, in order. README.md says how to run this
-- example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- The record of ada's purse. A trigger recorded its opening. Times are left out.
PREPARE record AS
SELECT changed_by, kind, before, after FROM changes WHERE account_id = :adas ORDER BY at;
EXECUTE record;

-- Bob is an operator and freezes ada's purse.
BEGIN ISOLATION LEVEL READ COMMITTED;

-- 1. Lock the account.
\set sql `cat sql/main/accounts/lock_pair.sql`
PREPARE "main/accounts/lock_pair" AS :sql
EXECUTE "main/accounts/lock_pair" (:adas, :adas, null) \crosstabview id currency status

-- 2. Record the change with the operator, before it is made: the trigger records what it does not find here.
\set sql `cat sql/main/changes/insert.sql`
PREPARE "main/changes/insert" AS :sql
EXECUTE "main/changes/insert" (
    :bob, 'account_changed', ARRAY[:adas], '{null}', '{null}',
    ARRAY[json_build_object('owner_id', :ada, 'minimum', 0, 'status', 'open')::text],
    ARRAY[json_build_object('owner_id', :ada, 'minimum', 0, 'status', 'frozen')::text]
);

-- 3. Make the change.
\set sql `cat sql/main/accounts/update.sql`
PREPARE "main/accounts/update" AS :sql
EXECUTE "main/accounts/update" (:adas, 'Purse', :ada, 0, 'frozen') \gset frozen_
COMMIT;
EXECUTE record;

-- A change by hand is recorded as well, without a user.
UPDATE accounts SET status = 'open' WHERE id = :adas;
EXECUTE record;

-- The record is append-only, for its owner as well.
\set ON_ERROR_STOP off
UPDATE changes SET changed_by = :ada;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
TRUNCATE changes;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on

-- So it agrees with the accounts.
\set sql `cat sql/main/invariants/record.sql`
PREPARE "main/invariants/record" AS :sql
EXECUTE "main/invariants/record" (NULL, NULL, 100);
