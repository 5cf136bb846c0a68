-- An audit: the files that `folio audit` and GET /ops/audit run. README.md says how to run it.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- Every file returns the rows that break one invariant, a hundred at the most: none, when all is well. All of them read
-- one snapshot, and no writer waits for them.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- Accounts whose balance, version or last time is not what their entries say.
\set sql `cat sql/main/invariants/balance.sql`
PREPARE "main/invariants/balance" AS :sql
EXECUTE "main/invariants/balance" (100);

-- Accounts that went below what they may, and closed ones that are not empty.
\set sql `cat sql/main/invariants/below_minimum.sql`
PREPARE "main/invariants/below_minimum" AS :sql
EXECUTE "main/invariants/below_minimum" (100);

-- Holds that are captured without a transfer, or have a transfer that they do not allow.
\set sql `cat sql/main/invariants/captures.sql`
PREPARE "main/invariants/captures" AS :sql
EXECUTE "main/invariants/captures" (100);

-- Entries that do not follow the one before: a gap in version, a balance that does not add up, a time that runs back.
\set sql `cat sql/main/invariants/chain.sql`
PREPARE "main/invariants/chain" AS :sql
EXECUTE "main/invariants/chain" (100);

-- Transfers that have not just their two entries: -amount on the payer, +amount on the payee, of one currency and time.
\set sql `cat sql/main/invariants/entries_pair_up.sql`
PREPARE "main/invariants/entries_pair_up" AS :sql
EXECUTE "main/invariants/entries_pair_up" (100);

-- Accounts that hold another amount than their active holds and pending purchases promise.
\set sql `cat sql/main/invariants/held.sql`
PREPARE "main/invariants/held" AS :sql
EXECUTE "main/invariants/held" (100);

-- Keys that name a transfer of somebody else or none at all, and transfers that two keys name.
\set sql `cat sql/main/invariants/keys.sql`
PREPARE "main/invariants/keys" AS :sql
EXECUTE "main/invariants/keys" (100);

-- Purchases whose money is not as they say: paid by another transfer or by none, or refunded without a reversal.
\set sql `cat sql/main/invariants/purchases.sql`
PREPARE "main/invariants/purchases" AS :sql
EXECUTE "main/invariants/purchases" (100);

-- Reversals that are not what they reverse, the other way round and later.
\set sql `cat sql/main/invariants/reversals.sql`
PREPARE "main/invariants/reversals" AS :sql
EXECUTE "main/invariants/reversals" (100);

-- Currencies in which money was made or lost: the sum of all entries is not zero.
\set sql `cat sql/main/invariants/sum_zero.sql`
PREPARE "main/invariants/sum_zero" AS :sql
EXECUTE "main/invariants/sum_zero" (100);

COMMIT;

-- The service also compares the two databases, page by page: the end of purchase.sql shows with what.

-- The ledger refuses to be changed, by its owner too: triggers see to that.
\set ON_ERROR_STOP off
DELETE FROM entries WHERE account_id = :adas;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on

-- But the owner can give ada a cent for which there is no entry. It is found, and the entries still add up.
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE id = :adas;
EXECUTE "main/invariants/balance" (100);
EXECUTE "main/invariants/sum_zero" (100);
ROLLBACK;

-- Likewise a promise that nobody made.
BEGIN;
UPDATE accounts SET held = held + 1 WHERE id = :adas;
EXECUTE "main/invariants/held" (100);
ROLLBACK;

-- Both are gone, and all is well.
EXECUTE "main/invariants/balance" (100);
EXECUTE "main/invariants/held" (100);
