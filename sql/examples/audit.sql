-- An audit: the files that `folio audit` and POST /ops/audit run. README.md says how to run this example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- Every file returns the rows that break one invariant, at most a hundred, and no row if all is well. All files read
-- one snapshot, and no writer waits for them.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- Accounts whose balance, version or last time differs from their entries.
\set sql `cat sql/main/invariants/balance.sql`
PREPARE "main/invariants/balance" AS :sql
EXECUTE "main/invariants/balance" (100);

-- Accounts below their minimum, and closed accounts that are not empty.
\set sql `cat sql/main/invariants/below_minimum.sql`
PREPARE "main/invariants/below_minimum" AS :sql
EXECUTE "main/invariants/below_minimum" (100);

-- Captured holds without a transfer, and holds with a wrong one.
\set sql `cat sql/main/invariants/captures.sql`
PREPARE "main/invariants/captures" AS :sql
EXECUTE "main/invariants/captures" (100);

-- Entries that do not continue the previous one: a gap in version, a balance that does not add up, an earlier time.
\set sql `cat sql/main/invariants/chain.sql`
PREPARE "main/invariants/chain" AS :sql
EXECUTE "main/invariants/chain" (100);

-- Transfers without exactly two entries: -amount on the payer, +amount on the payee, of the same currency and time.
\set sql `cat sql/main/invariants/entries_pair_up.sql`
PREPARE "main/invariants/entries_pair_up" AS :sql
EXECUTE "main/invariants/entries_pair_up" (100);

-- Accounts whose held amount differs from the sum of their active holds and pending purchases.
\set sql `cat sql/main/invariants/held.sql`
PREPARE "main/invariants/held" AS :sql
EXECUTE "main/invariants/held" (100);

-- Idempotency keys of a missing transfer or of another user's, and transfers with two keys.
\set sql `cat sql/main/invariants/keys.sql`
PREPARE "main/invariants/keys" AS :sql
EXECUTE "main/invariants/keys" (100);

-- Purchases whose money contradicts their status: paid by no transfer or a wrong one, or refunded without a reversal.
\set sql `cat sql/main/invariants/purchases.sql`
PREPARE "main/invariants/purchases" AS :sql
EXECUTE "main/invariants/purchases" (100);

-- Reversals that differ from their original, apart from the opposite direction and a later time.
\set sql `cat sql/main/invariants/reversals.sql`
PREPARE "main/invariants/reversals" AS :sql
EXECUTE "main/invariants/reversals" (100);

-- Currencies in which money was created or lost: the sum of all entries is not zero.
\set sql `cat sql/main/invariants/sum_zero.sql`
PREPARE "main/invariants/sum_zero" AS :sql
EXECUTE "main/invariants/sum_zero" (100);

COMMIT;

-- The service also compares the two databases, page by page: the end of purchase.sql shows the two statements.

-- Triggers refuse changes of the ledger, by its owner as well.
\set ON_ERROR_STOP off
DELETE FROM entries WHERE account_id = :adas;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on

-- The owner can still give ada a cent without an entry. The audit finds it, and the entries still add up.
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE id = :adas;
EXECUTE "main/invariants/balance" (100);
EXECUTE "main/invariants/sum_zero" (100);
ROLLBACK;

-- The owner can also hold a cent without a hold or purchase. The audit finds it.
BEGIN;
UPDATE accounts SET held = held + 1 WHERE id = :adas;
EXECUTE "main/invariants/held" (100);
ROLLBACK;

-- After both rollbacks all is well again.
EXECUTE "main/invariants/balance" (100);
EXECUTE "main/invariants/held" (100);
