-- Write one transfer that was decided under the locks: its row, two entries, its key, and both balances.
--
-- $1 from_account_id  bigint  accounts.id, locked by this unit of work
-- $2 to_account_id    bigint  accounts.id, locked by this unit of work
-- $3 amount           bigint  minor units
-- $4 description      text
-- $5 created_by       bigint  users.id
-- $6 key              text    Idempotency-Key; null: no key
-- $7 request_hash     bytea   SHA-256 of the request
-- $8 reverses_id      bigint  transfers.id, of the same accounts; null: no reversal
-- $9 hold_id          bigint  holds.id, settled by this unit of work; null: no hold
-- $10 reference       text    null: none
-- $11 reference_by    bigint  users.id, the writer of the reference; null: no reference
-- $12 metadata        json    of created_by; null: none
--
-- Returns  id bigint, created_at timestamptz, from_balance bigint, from_version bigint, to_balance bigint, to_version bigint;
--          one row
-- Index    accounts_pkey
-- Locks    users RowShareLock; its row FOR KEY SHARE; accounts AccessShareLock, RowShareLock, RowExclusiveLock;
--          holds RowShareLock; its row FOR KEY SHARE; transfers AccessShareLock, RowShareLock, RowExclusiveLock; its row FOR KEY SHARE;
--          entries, idempotency_keys RowExclusiveLock
WITH /* main/transfers/insert_one */ clock AS MATERIALIZED (
    -- The statement was sent under the locks; its time is never earlier than an account's last entry.
    SELECT greatest(statement_timestamp(), max(entered_at)) AS now
    FROM accounts
    WHERE id IN ($1::bigint, $2::bigint)
),
account AS (
    UPDATE accounts
    SET
        balance = balance + CASE id WHEN $1::bigint THEN -$3::bigint ELSE $3::bigint END,
        version = version + 1,
        entered_at = clock.now
    FROM clock
    WHERE id IN ($1::bigint, $2::bigint)
    RETURNING id, owner_id, balance, version
),
written AS (
    INSERT INTO transfers (
        from_account_id, to_account_id, amount, description, created_by, reverses_id, hold_id, reference, reference_by,
        metadata, created_at
    )
    SELECT
        $1::bigint, $2::bigint, $3::bigint, $4::text, $5::bigint, $8::bigint, $9::bigint, $10::text, $11::bigint,
        $12::json, now
    FROM clock
    RETURNING id, created_at
),
entry AS (
    INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
    SELECT
        account.id AS account_id, account.version, written.id AS transfer_id,
        CASE account.id WHEN $1::bigint THEN -$3::bigint ELSE $3::bigint END,
        account.balance, written.created_at
    FROM written
    CROSS JOIN account
),
kept AS (
    INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids, created_at)
    SELECT
        $5::bigint, $6::text, $7::bytea, 'transfer', written.id,
        array(
            SELECT account.id
            FROM account
            WHERE account.owner_id = $5::bigint
            ORDER BY account.id
        ),
        written.created_at
    FROM written
    WHERE $6::text IS NOT NULL
)
SELECT
    written.id, written.created_at,
    debit.balance AS from_balance, debit.version AS from_version,
    credit.balance AS to_balance, credit.version AS to_version
FROM written
JOIN account AS debit ON debit.id = $1::bigint
JOIN account AS credit ON credit.id = $2::bigint;
