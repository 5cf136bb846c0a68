-- The parameters with which each statement file is measured, on the data of sql/plans/main.sql and
-- sql/plans/catalog.sql: a row for each case. The data follow from numbers, so every literal below names an existing
-- row. User 2 has 181 accounts and as many posts, user 100000 has four; user 162096 buys a thousand times and 15904
-- sells five thousand products; account 1 is paid thousands of times, 1000001 pays 700,000 times, 600001 has few
-- entries.
--
-- arguments follows EXECUTE; it is null if the file has no plan. exception is the reason why a file may read whole
-- tables or has no plan; it is null for all other files.
CREATE TEMPORARY TABLE parameters (
    file text NOT NULL,
    situation text NOT NULL,
    arguments text,
    exception text
);

INSERT INTO parameters (file, situation, arguments, exception)
VALUES
('both/schema_migrations/create', '', NULL, 'CREATE TABLE has no plan'),
('both/schema_migrations/exists', '', '', NULL),
('both/schema_migrations/insert', '', $$(9999, '9999_next.sql', 'abc')$$, NULL),
('both/schema_migrations/list', '', '', NULL),
('both/schema_migrations/lock', '', '', NULL),
('both/server/activity', '', $$('{1,2,3}')$$, NULL),
('both/server/blockers', '', $$('{1,2,3}')$$, NULL),
('both/server/busy', '', '(20)', NULL),
('both/server/clock', '', '', NULL),
('both/server/connections', '', '', NULL),
('both/server/identity', '', '', NULL),
('both/server/limits', '', '', NULL),
('both/server/list_databases', '', '', NULL),
('both/server/missing_privileges', '', $$('{users}', '{email}', '{UPDATE}')$$, NULL),
('both/server/privileges', '', '', NULL),
('both/server/replication', '', '', NULL),
('both/server/state', '', '', NULL),
('both/session/backend', '', '', NULL),
('both/session/configure', '', $$('{statement_timeout,lock_timeout}', '{300s,2s}')$$, NULL),
('both/session/hurry', '', $$('500ms')$$, NULL),
('both/session/read', '', $$('{statement_timeout,lock_timeout}')$$, NULL),
('both/session/set', '', $$('lock_timeout', '60s')$$, NULL),
('catalog/database/create', '', NULL, 'CREATE DATABASE has no plan'),
('catalog/database/last_ids', '', '', NULL),
('catalog/database/references', '', '', NULL),
('main/database/create', '', NULL, 'CREATE DATABASE has no plan'),
('main/database/last_ids', '', '', NULL),
('main/database/references', '', '', NULL),

('catalog/invariants/references', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('catalog/invariants/returns', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('catalog/invariants/stock', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('catalog/products/archive', '', '(125001)', NULL),
('catalog/products/archive_by_seller', 'sells many', '(1, 1000)', NULL),
('catalog/products/archive_by_seller', 'sold nothing', '(196001, 1000)', NULL),
('catalog/products/count_supplied', '', '(1000)', 'reads all products: an audit counts those that remain'),
('catalog/products/find', '', $$(11164, 'product-2')$$, NULL),
('catalog/products/get', '', '(125001)', NULL),
('catalog/products/insert', 'no key', $$(100000, 500001, 'Lamp', 'Green', 100, 'EUR', 5, NULL, 100000)$$, NULL),
('catalog/products/insert', 'sells many', $$(15904, 500001, 'Lamp', 'Green', 100, 'EUR', 5, NULL, 100000)$$, NULL),
('catalog/products/insert', 'new key', $$(100000, 500001, 'Lamp', 'Green', 100, 'EUR', 5, 'new', 100000)$$, NULL),
(
    'catalog/products/insert', 'key taken',
    $$(11164, 500001, 'Lamp', 'Green', 100, 'EUR', 5, 'product-2', 100000)$$, NULL
),
('catalog/products/list', 'first page', $$('9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/list', 'later page', $$('2020-04-01', 100, 101)$$, NULL),
('catalog/products/list_after', '', '(125001, 1000)', NULL),
('catalog/products/list_by_seller', 'sells many', $$(15904, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/list_by_seller', 'sells few', $$(100000, '2020-04-01', 100, 51)$$, NULL),
('catalog/products/lock', '', '(125001, NULL)', NULL),
('catalog/products/search', 'common word', $$('w0', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/search', 'common word, later page', $$('w0', NULL, '2020-02-01', 100, 51)$$, NULL),
('catalog/products/search', 'rare word', $$('w19999', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/search', 'two words', $$('w0 w100', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/search', 'common word, of one', $$('w0', 2, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('catalog/products/update', '', $$(125001, 500001, 'Lamp', 'Green', 100, 5)$$, NULL),
('catalog/reservations/confirm', '', '(159701, 191176, 3)', NULL),
('catalog/reservations/get', '', '(80000)', NULL),
('catalog/reservations/give_back', '', '(2503001, 80001, 125001, 1)', NULL),
('catalog/reservations/insert', 'reserved', $$(160001, 125001, 1, 'reserved')$$, NULL),
('catalog/reservations/insert', 'refused', $$(160001, 125001, 1, 'refused')$$, NULL),
('catalog/reservations/list_after', '', '(80000, 1000)', NULL),
(
    'catalog/reservations/list_of', '1,000 purchases',
    format('(%L)', (SELECT array_agg(id) FROM generate_series(80001, 81000) AS made (id))), NULL
),
('catalog/reservations/release', '', '(159701)', NULL),
('catalog/slices/ids', '', '(100000, 5000)', NULL),

('main/accounts/close_owned', 'ten', '(200000)', NULL),
('main/accounts/get', '', '(500001)', NULL),
('main/accounts/get_payee', '', '(500001)', NULL),
('main/accounts/insert', 'owns few', $$(100000, 'Savings', 'EUR', 1000)$$, NULL),
('main/accounts/insert', 'owns many', $$(2, 'Savings', 'EUR', 1000)$$, NULL),
('main/accounts/list', 'first page', $$('9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/accounts/list', 'later page', $$('2019-01-01', 100, 101)$$, NULL),
('main/accounts/list_by_owner', 'owns many', $$(2, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/accounts/list_by_owner', 'owns few', $$(100000, '9999-12-31', 9223372036854775807, 51)$$, NULL),
(
    'main/accounts/list_currencies', '1,000 of an import',
    format('(%L)', (SELECT array_agg(n * 10 + 1) FROM generate_series(1, 1000) AS made (n))), NULL
),
(
    'main/accounts/list_changed', '1,000 followed, 1 changed',
    format(
        '(%L, %L)',
        (SELECT array_agg(n * 10 + 1) FROM generate_series(1, 1000) AS made (n)),
        (SELECT array_agg(CASE n WHEN 1 THEN 0 ELSE 9007199254740991 END) FROM generate_series(1, 1000) AS made (n))
    ), NULL
),
(
    'main/accounts/lock', '1,001 of a batch',
    format(
        '(array_fill(500001, ARRAY[1000]), %L, array_fill(NULL::bigint, ARRAY[1000]))',
        (SELECT array_agg(10 * id + 1) FROM generate_series(50001, 51000) AS made (id))
    ), NULL
),
('main/accounts/lock_pair', '', '(500001, 1, 100000)', NULL),
('main/accounts/lock_overdue', '', '(1000)', NULL),
('main/accounts/lock_owned', 'owns many', '(2)', NULL),
('main/accounts/lock_owned', 'owns few', '(100000)', NULL),
('main/accounts/share', '', '(500001)', NULL),
('main/accounts/update', '', $$(500001, 'Renamed', 100000, 0, 'open')$$, NULL),
('main/api_keys/authenticate', '', $$(sha256('key 7'))$$, NULL),
(
    'main/api_keys/authenticate_many', '100 keys, gathered',
    format(
        '(%L)',
        (SELECT array_agg(sha256(convert_to('key ' || id, 'UTF8'))) FROM generate_series(1, 100) AS made (id))
    ), NULL
),
('main/api_keys/find', '', $$(sha256('key 7'))$$, NULL),
('main/api_keys/insert', '', $$(100000, 'laptop', sha256('new'), FALSE, NULL, 100000, 100)$$, NULL),
('main/api_keys/list', 'has many', $$(1, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/api_keys/list', 'has few', $$(100000, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/api_keys/revoke', '', '(100000, 99999)', NULL),
('main/api_keys/revoke_all', '', '(100000)', NULL),
(
    'main/changes/insert', 'one account',
    $$(1, 'account_changed', '{500001}', '{NULL}', '{NULL}', '{NULL}', '{"{}"}')$$, NULL
),
(
    'main/changes/insert', '100 keys',
    format(
        '(1, %L, %L, %L, %L, %L, %L)', 'key_revoked', array_fill(NULL::bigint, ARRAY[100]),
        array_fill(1::bigint, ARRAY[100]), (SELECT array_agg(id) FROM generate_series(1, 100) AS made (id)),
        array_fill('{}'::text, ARRAY[100]), array_fill(NULL::text, ARRAY[100])
    ), NULL
),
('main/changes/list', 'first page', $$('9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/changes/list', 'later page', $$('2019-01-01', 100, 101)$$, NULL),
('main/changes/list_by_account', '', $$(500001, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/changes/list_by_user', 'has many', $$(1, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/changes/list_by_user', 'has few', $$(100000, '9999-12-31', 9223372036854775807, 51)$$, NULL),
(
    'main/invariants/balance', '', $$('{1000001,100000}', '{1000001,105000}', 100)$$,
    'read in slices, which an audit plans one by one'
),
('main/invariants/below_minimum', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/captures', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/chain', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/dates', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/entries_pair_up', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/held', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/keys', '', $$('2022-01-01', '2022-01-04', 100)$$, 'read in slices, which an audit plans one by one'),
('main/invariants/leavers', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/overdue', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/purchases', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/record', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/references', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/refunds', '', '(2510000, 2513000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/reversals', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
('main/invariants/sum_zero', '', '(100000, 105000, 100)', 'read in slices, which an audit plans one by one'),
(
    'main/invariants/transfer_keys', '', $$('2022-01-01', '2022-01-04', 100)$$,
    'read in slices, which an audit plans one by one'
),
('main/audit_passes/delete', '', '(1, 1)', NULL),
('main/audit_passes/insert', '', '(600)', NULL),
('main/audit_passes/longest_wait', '', '', NULL),
('main/audit_passes/save', '', $$(1, 1, 'ids', '5000', '[]', 600)$$, NULL),
('main/audit_passes/schedule', '', $$('2024-01-01')$$, NULL),
('main/audit_passes/take', '', '(600)', NULL),
('main/audits/get_last', '', '', NULL),
('main/audits/insert', '', $$(TRUE, '[]', '2024-01-01', NULL)$$, NULL),
('main/audits/trim', '', '', NULL),
('main/entries/balance_at', '700,000 entries', $$(1000001, '2020-06-01')$$, NULL),
('main/entries/balance_at', 'few entries', $$(600001, '2022-06-01')$$, NULL),
('main/entries/list', '700,000 entries', '(1000001, 9223372036854775807, 51)', NULL),
('main/entries/list', '700,000 entries, later page', '(1000001, 350000, 101)', NULL),
('main/entries/list', 'few entries', '(600001, 9223372036854775807, 51)', NULL),
('main/entries/list_after', '700,000 entries, newest', '(1000001, 699990, 101)', NULL),
('main/entries/list_after', '700,000 entries, from the beginning', '(1000001, 0, 101)', NULL),
('main/entries/list_after', 'few entries', '(600001, 0, 101)', NULL),
(
    'main/entries/list_between', '700,000 entries, a year',
    $$(1000001, '2020-06-01', '2021-06-01', 9223372036854775807, 51)$$, NULL
),
(
    'main/entries/list_between', '3,000 entries, a month',
    $$(1, '2022-06-01', '2022-07-01', 9223372036854775807, 51)$$, NULL
),
('main/holds/expire', 'one account', $$('{590021}', 10000)$$, NULL),
(
    'main/holds/expire', '200 accounts',
    (
        SELECT
            format(
                '(%L, 1000)',
                array_agg(10 * floor(100000 * (id * 11641725841 % 4294967296 / 4294967296.0))::bigint + 1 + id % 10)
            )
        FROM generate_series(120001::bigint, 120200) AS overdue (id)
    ), NULL
),
('main/holds/get', '', '(50000)', NULL),
('main/holds/insert', '', $$(500001, 1, 100, 'Rent', 604800, 100000, 'lease-7', '{}')$$, NULL),
('main/holds/list', 'first page', $$(NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/holds/list', 'later page', $$(NULL, '2024-05-01', 100, 101)$$, NULL),
('main/holds/list_by_owner', 'owns many', $$(2, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/holds/list_by_owner', 'owns few', $$(100000, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/holds/lock', '', '(125000)', NULL),
('main/holds/settle', '', $$(125000, 'captured')$$, NULL),
('main/idempotency_keys/find', 'known', $$(85137, 'payment-1500000')$$, NULL),
('main/idempotency_keys/find', 'new', $$(100000, 'new')$$, NULL),
('main/idempotency_keys/insert', '', $$(100000, 'new', sha256('new'), 'refusal', NULL, '{}')$$, NULL),
(
    'main/idempotency_keys/find_many', '100 new, gathered',
    format(
        '(array_fill(100000, ARRAY[100]), %L)',
        (SELECT array_agg('new' || n) FROM generate_series(1, 100) AS made (n))
    ), NULL
),
(
    'main/idempotency_keys/insert_many', '100, gathered',
    format(
        '(%L, array_fill(''new''::text, ARRAY[100]), array_fill(sha256(''new''), ARRAY[100]),'
        ' array_fill(''transfer''::text, ARRAY[100]), array_fill(1, ARRAY[100]),'
        ' array_fill(''{1}''::text, ARRAY[100]), array_fill(NULL::text, ARRAY[100]))',
        (SELECT array_agg(n) FROM generate_series(100001, 100100) AS made (n))
    ), NULL
),
('main/leases/take', '', $$('audit', 3600)$$, NULL),
('main/maintenance/delete_keys', 'a day', $$('2022-01-01', '2022-01-02')$$, NULL),
('main/posts/delete', '', '(500000)', NULL),
('main/posts/delete_by_author', 'wrote many', '(2, 1000)', NULL),
('main/posts/get', '', '(500000)', NULL),
('main/posts/insert', 'wrote few', $$(100000, 'Hello', 'World', 100000)$$, NULL),
('main/posts/insert', 'wrote many', $$(2, 'Hello', 'World', 100000)$$, NULL),
('main/posts/list', 'first page', $$('9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/list', 'later page', $$('2021-01-01', 100, 101)$$, NULL),
('main/posts/list_by_author', 'wrote many', $$(2, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/list_by_author', 'wrote few', $$(100000, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/lock', '', '(500000, 113231)', NULL),
('main/posts/search', 'common word', $$('w0', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/search', 'common word, later page', $$('w0', NULL, '2020-02-01', 100, 51)$$, NULL),
('main/posts/search', 'rare word', $$('w19999', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/search', 'two words', $$('w0 w100', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/search', 'common word, by one', $$('w0', 2, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/search', 'word that nobody wrote', $$('folio', NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/posts/update', '', $$(500000, 'Hello', 'World')$$, NULL),
('main/purchases/bought', 'bought', '(39422, 91817)', NULL),
('main/purchases/bought', 'not bought', '(2, 250001)', NULL),
('main/purchases/count_unfinished', '', '', NULL),
('main/purchases/decide', '', $$(159701, 'rejected', 'out_of_stock', NULL)$$, NULL),
('main/purchases/finish', '', $$(159950, 'rejected')$$, NULL),
('main/purchases/free', '', '(159701)', NULL),
('main/purchases/get', '', '(80000)', NULL),
('main/purchases/insert', '', $$(100000, 125001, 1, 100, 100, 500001, 1, 15, 'order-7', '{}')$$, NULL),
(
    'main/purchases/known', '1,000 purchases',
    format('(%L)', (SELECT array_agg(id) FROM generate_series(80001, 81000) AS made (id))), NULL
),
('main/purchases/lease', '', '(15, 10)', NULL),
('main/purchases/list', 'first page', $$(NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/purchases/list', 'later page', $$(NULL, '2024-08-01', 100, 101)$$, NULL),
('main/purchases/list_after', '', '(80000, 60, 1000)', NULL),
('main/purchases/list_by_party', 'owns many', $$(2, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/purchases/list_by_party', 'buys many', $$(162096, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/purchases/list_by_party', 'owns few', $$(100000, NULL, '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/purchases/list_by_reference', '16,000 of many', $$('gift', NULL, '9999-12-31', 1, 51)$$, NULL),
('main/purchases/list_by_reference', 'one', $$('order-80000', NULL, '9999-12-31', 1, 51)$$, NULL),
('main/purchases/list_by_writer', 'buys many', $$(162096, 'gift', NULL, '9999-12-31', 1, 51)$$, NULL),
('main/purchases/list_by_writer', 'none', $$(100000, 'order', NULL, '9999-12-31', 1, 51)$$, NULL),
('main/purchases/list_unfinished', '', '(20)', NULL),
('main/purchases/lock', '', '(80000)', NULL),
('main/purchases/refund', '', '(80001)', NULL),
('main/purchases/unfinished_of', 'none', '(100000)', NULL),
('main/refunds/finish', '', '(2503000)', NULL),
('main/refunds/insert', '', '(2500001, 80001, 1, 15)', NULL),
('main/refunds/lease', '', '(15, 10)', NULL),
('main/refunds/list_unfinished', '', '(150000)', NULL),
('main/request_counts/add', 'known address', $$('wrong_key', '10.0.1.1')$$, NULL),
('main/request_counts/add', 'new address', $$('wrong_key', '10.9.9.9')$$, NULL),
('main/slices/entries', 'of one account', $$('{1000001,100000}', 5000)$$, NULL),
('main/slices/entries', 'of many accounts', $$('{500000,0}', 5000)$$, NULL),
('main/slices/ids', '', '(100000, 5000)', NULL),
('main/slices/recent', 'a day', $$('2024-10-01')$$, NULL),
('main/slices/times', '', $$('2022-01-01', 5000)$$, NULL),
('main/transfers/get', '', '(1500000)', NULL),
(
    'main/transfers/insert', '1,000 of a batch',
    (
        SELECT
            format(
                '(%L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L, %L)',
                array_fill(500001, ARRAY[1000]), array_agg(10 * n + 1),
                array_agg(n), array_fill('Salary'::text, ARRAY[1000]), array_fill(100000, ARRAY[1000]),
                array_fill(NULL::text, ARRAY[1000]), array_fill(NULL::text, ARRAY[1000]),
                array_fill(NULL::bigint, ARRAY[1000]), array_fill(NULL::bigint, ARRAY[1000]),
                array_fill('payroll-7'::text, ARRAY[1000]), array_fill(100000, ARRAY[1000]),
                array_fill('{}'::text, ARRAY[1000])
            )
        FROM generate_series(1, 1000) AS made (n)
    ), NULL
),
(
    'main/transfers/insert_one', '',
    $$(500001, 1, 100, 'Rent', 100000, 'new', sha256('new'), NULL, NULL, 'rent-7', 100000, '{}')$$, NULL
),
('main/transfers/list', 'first page', $$('0001-01-01', '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/transfers/list', 'later page', $$('2022-01-01', '2022-06-01', 100, 101)$$, NULL),
(
    'main/transfers/list_by_account', '700,000 entries',
    $$(1000001, '0001-01-01', '9999-12-31', 9223372036854775807, 51)$$, NULL
),
('main/transfers/list_by_account', '3,000 entries, later page', $$(1, '2022-01-01', '2022-06-01', 100, 51)$$, NULL),
(
    'main/transfers/list_by_account', 'few entries',
    $$(600001, '0001-01-01', '9999-12-31', 9223372036854775807, 51)$$, NULL
),
('main/transfers/list_by_owner', 'owns many', $$(2, '0001-01-01', '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/transfers/list_by_owner', 'owns few', $$(100000, '0001-01-01', '9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/transfers/list_by_reference', '125,000 of many', $$('rent', NULL, '0001-01-01', '9999-12-31', 1, 51)$$, NULL),
('main/transfers/list_by_reference', 'one', $$('invoice-1500000', NULL, '0001-01-01', '9999-12-31', 1, 51)$$, NULL),
(
    'main/transfers/list_by_writer', '100,000 of one, later page',
    $$(1, 'deposit', NULL, '0001-01-01', '2020-01-01', 1, 101)$$, NULL
),
('main/transfers/list_by_writer', 'none', $$(100000, 'invoice', NULL, '0001-01-01', '9999-12-31', 1, 51)$$, NULL),
('main/transfers/sum_reversed', 'reversed', '(1000100)', NULL),
('main/transfers/sum_reversed', 'not reversed', '(1500001)', NULL),
('main/users/delete', '', '(100000)', NULL),
('main/users/get', '', '(100000)', NULL),
('main/users/get_by_username', '', $$('user100000')$$, NULL),
('main/users/insert', '', $$('New', 'new', 'new@example.com', 'new@example.com')$$, NULL),
('main/users/keep', '', '(100000)', NULL),
('main/users/list', 'first page', $$('9999-12-31', 9223372036854775807, 51)$$, NULL),
('main/users/list', 'later page', $$('2017-05-01', 100, 101)$$, NULL),
('main/users/list_left', '', '(60, 100)', NULL),
(
    'main/users/list_sellers', '1,000 products',
    format(
        '(%L, %L, %L, %L)',
        (SELECT array_agg(id) FROM generate_series(80001, 81000) AS made (id)),
        (SELECT array_agg(id) FROM generate_series(80001, 81000) AS made (id)),
        (SELECT array_agg(id) FROM generate_series(80001, 81000) AS made (id)),
        (SELECT array_agg('product-' || id) FROM generate_series(80001, 81000) AS made (id))
    ),
    NULL
),
('main/users/lock', '', '(100000)', NULL),
('main/users/set_role', '', $$(100000, 'operator')$$, NULL),
('main/users/set_off_sale', '', $$('{199981,199982,199983}')$$, NULL),
('main/users/update', '', $$(100000, 'New', 'new', 'new@example.com', 'new@example.com')$$, NULL);
