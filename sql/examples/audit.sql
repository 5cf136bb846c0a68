-- An audit: the files that `folio audit` and POST /ops/audit run. README.md says how to run this example.
\set ON_ERROR_STOP on
\set QUIET on
\pset null (null)
\ir people.psql
\set ECHO all

-- Every file returns the rows that break one invariant, at most a hundred, and no row if all is well. Each is one
-- statement and reads one snapshot, and no writer waits for it. First the catalog's:
\connect :catalog

-- Reservations of a product that does not exist.
\set sql `cat sql/catalog/invariants/references.sql`
PREPARE "catalog/invariants/references" AS :sql
EXECUTE "catalog/invariants/references" (NULL, NULL, 100);

-- Reservations of which more was returned than they took.
\set sql `cat sql/catalog/invariants/returns.sql`
PREPARE "catalog/invariants/returns" AS :sql
EXECUTE "catalog/invariants/returns" (NULL, NULL, 100);

-- Products whose stock differs from the supplied quantity less the reserved one that did not return.
\set sql `cat sql/catalog/invariants/stock.sql`
PREPARE "catalog/invariants/stock" AS :sql
EXECUTE "catalog/invariants/stock" (NULL, NULL, 100);

-- Then those of the main database:
\connect :main

-- Accounts whose balance, version or last time differs from their last entry, or whose entries do not add up to it. A range
-- may begin and end within the entries of an account: then it adds up to the difference of two balances.
\set sql `cat sql/main/invariants/balance.sql`
PREPARE "main/invariants/balance" AS :sql
EXECUTE "main/invariants/balance" (NULL, NULL, 100);

-- Accounts below their minimum, and closed accounts that are not empty.
\set sql `cat sql/main/invariants/below_minimum.sql`
PREPARE "main/invariants/below_minimum" AS :sql
EXECUTE "main/invariants/below_minimum" (NULL, NULL, 100);

-- Captured holds without a transfer, and transfers that capture wrongly: a hold that is missing or not captured, more than
-- its amount, between other accounts, or more than a minute after its expiry.
\set sql `cat sql/main/invariants/captures.sql`
PREPARE "main/invariants/captures" AS :sql
EXECUTE "main/invariants/captures" (NULL, NULL, 100);

-- Entries that do not continue the previous one: a gap in version, a balance that does not add up, an earlier time.
\set sql `cat sql/main/invariants/chain.sql`
PREPARE "main/invariants/chain" AS :sql
EXECUTE "main/invariants/chain" (NULL, NULL, 100);

-- Transfers, holds and purchases dated in the future, before their user or accounts existed, or after their user left; and
-- accounts whose last entry is dated in the future. A minute of difference between clocks is allowed.
\set sql `cat sql/main/invariants/dates.sql`
PREPARE "main/invariants/dates" AS :sql
EXECUTE "main/invariants/dates" (NULL, NULL, 100);

-- Transfers without exactly two entries (-amount on the payer, +amount on the payee, of the same currency and time), and
-- entries without a transfer.
\set sql `cat sql/main/invariants/entries_pair_up.sql`
PREPARE "main/invariants/entries_pair_up" AS :sql
EXECUTE "main/invariants/entries_pair_up" (NULL, NULL, 100);

-- Accounts whose held amount differs from the sum of their active holds and pending purchases.
\set sql `cat sql/main/invariants/held.sql`
PREPARE "main/invariants/held" AS :sql
EXECUTE "main/invariants/held" (NULL, NULL, 100);

-- Idempotency keys of a missing user; keys that name no account, hold or purchase, or one that their user never ordered,
-- captured, released or refunded; keys of another author's post; keys without the answer that they stand for. A post may
-- have been deleted.
\set sql `cat sql/main/invariants/keys.sql`
PREPARE "main/invariants/keys" AS :sql
EXECUTE "main/invariants/keys" (NULL, NULL, 100);

-- Users who have left and still have something: an API key, an account that is not closed, a purchase in progress, or,
-- an hour later, a post.
\set sql `cat sql/main/invariants/leavers.sql`
PREPARE "main/invariants/leavers" AS :sql
EXECUTE "main/invariants/leavers" (NULL, NULL, 100);

-- Holds that are active an hour after their expiry: the sweep has not released their money.
\set sql `cat sql/main/invariants/overdue.sql`
PREPARE "main/invariants/overdue" AS :sql
EXECUTE "main/invariants/overdue" (NULL, NULL, 100);

-- Purchases whose money contradicts their status: paid by no transfer or a wrong one (other amount, accounts or user; a
-- reversal or a capture), or refunded without a reversal.
\set sql `cat sql/main/invariants/purchases.sql`
PREPARE "main/invariants/purchases" AS :sql
EXECUTE "main/invariants/purchases" (NULL, NULL, 100);

-- Accounts whose owner, minimum and status are not those of the last row in the record of changes, and rows of the record
-- that do not begin as the row before ends.
\set sql `cat sql/main/invariants/record.sql`
PREPARE "main/invariants/record" AS :sql
EXECUTE "main/invariants/record" (NULL, NULL, 100);

-- Rows that refer to a user, an account or an API key that does not exist. The users of Idempotency-Keys are checked by
-- keys.
\set sql `cat sql/main/invariants/references.sql`
PREPARE "main/invariants/references" AS :sql
EXECUTE "main/invariants/references" (NULL, NULL, 100);

-- Refunds that are no reversal of their purchase's payment, or that together return more than the purchase's quantity.
\set sql `cat sql/main/invariants/refunds.sql`
PREPARE "main/invariants/refunds" AS :sql
EXECUTE "main/invariants/refunds" (NULL, NULL, 100);

-- Reversals of a missing transfer, or that contradict it: not in the opposite direction, earlier, or together of more than
-- its amount.
\set sql `cat sql/main/invariants/reversals.sql`
PREPARE "main/invariants/reversals" AS :sql
EXECUTE "main/invariants/reversals" (NULL, NULL, 100);

-- Currencies in which transfers created or lost money: the sum of their entries is not zero. The entries of a transfer are
-- committed together, so that the sum is zero for any of them.
\set sql `cat sql/main/invariants/sum_zero.sql`
PREPARE "main/invariants/sum_zero" AS :sql
EXECUTE "main/invariants/sum_zero" (NULL, NULL, 100);

-- Transfers that the idempotency keys of transfers, batches and imports name wrongly: missing, another user's, named
-- twice, more than a minute later, or paid from an account that their user did not own then, unless it is a reversal or
-- was imported.
\set sql `cat sql/main/invariants/transfer_keys.sql`
PREPARE "main/invariants/transfer_keys" AS :sql
EXECUTE "main/invariants/transfer_keys" (NULL, NULL, 100);

-- The service also compares the two databases, page by page: the end of purchase.sql shows two of the statements.

-- Triggers refuse changes of the ledger, by its owner as well.
\set ON_ERROR_STOP off
DELETE FROM entries WHERE account_id = :adas;
\echo :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\set ON_ERROR_STOP on

-- The owner can still give ada a cent without an entry. The audit finds it, and the entries still add up.
BEGIN;
UPDATE accounts SET balance = balance + 1 WHERE id = :adas;
EXECUTE "main/invariants/balance" (NULL, NULL, 100);
EXECUTE "main/invariants/sum_zero" (NULL, NULL, 100);
ROLLBACK;

-- The owner can also hold a cent without a hold or purchase. The audit finds it.
BEGIN;
UPDATE accounts SET held = held + 1 WHERE id = :adas;
EXECUTE "main/invariants/held" (NULL, NULL, 100);
ROLLBACK;

-- A trigger records that the owner freezes an account. With the trigger off, the audit finds it.
BEGIN;
UPDATE accounts SET status = 'frozen' WHERE id = :adas;
EXECUTE "main/invariants/record" (NULL, NULL, 100);
ROLLBACK;
BEGIN;
ALTER TABLE accounts DISABLE TRIGGER accounts_record_change;
UPDATE accounts SET status = 'frozen' WHERE id = :adas;
EXECUTE "main/invariants/record" (NULL, NULL, 100);
ROLLBACK;

-- After the rollbacks all is well again.
EXECUTE "main/invariants/balance" (NULL, NULL, 100);
EXECUTE "main/invariants/held" (NULL, NULL, 100);
