-- Write transfers that were decided under the locks: their rows, two entries each, their keys, and the new balances.
--
-- $1 from_account_ids  bigint[]  accounts.id, locked by this unit of work
-- $2 to_account_ids    bigint[]  accounts.id, locked by this unit of work
-- $3 amounts           bigint[]  minor units
-- $4 descriptions      text[]
-- $5 created_by        bigint[]  users.id
-- $6 keys              text[]    Idempotency-Key; null: no key
-- $7 request_hashes    bytea[]   SHA-256 of the request
-- $8 reverses_ids      bigint[]  transfers.id, of the same accounts; null: no reversal
-- $9 hold_ids          bigint[]  holds.id, settled by this unit of work; null: no hold
-- $10 references       text[]    null: none
-- $11 reference_by     bigint[]  users.id, the writer of the reference; null: no reference
-- $12 metadata         text[]    JSON of created_by; null: none
--
-- Returns  id bigint, created_at timestamptz, from_balance bigint, from_version bigint, to_balance bigint, to_version bigint;
--          one row for each transfer, in the order of the arrays
-- Index    accounts_pkey
-- Locks    users RowShareLock; its rows FOR KEY SHARE; accounts AccessShareLock, RowShareLock, RowExclusiveLock;
--          holds RowShareLock; its rows FOR KEY SHARE; transfers AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR KEY SHARE;
--          entries, idempotency_keys RowExclusiveLock
WITH /* main/transfers/insert */ transfer AS MATERIALIZED (
    SELECT nextval('transfers_id_seq') AS id, asked.*
    FROM
        unnest(
            $1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bytea[], $8::bigint[],
            $9::bigint[], $10::text[], $11::bigint[], $12::text[]
        ) WITH ORDINALITY AS asked (
            from_account_id, to_account_id, amount, description, created_by, key, request_hash, reverses_id, hold_id,
            reference, reference_by, metadata, position
        )
),
-- The statement was sent under the locks; its time is never earlier than an account's last entry.
clock AS MATERIALIZED (
    SELECT greatest(statement_timestamp(), max(entered_at)) AS now
    FROM accounts
    WHERE id = ANY($1::bigint[] || $2::bigint[])
),
leg AS MATERIALIZED (
    SELECT id AS transfer_id, position, from_account_id AS account_id, -amount AS amount FROM transfer
    UNION ALL
    SELECT id AS transfer_id, position, to_account_id AS account_id, amount FROM transfer
),
total AS (
    SELECT account_id, sum(amount)::bigint AS amount, count(*) AS entries
    FROM leg
    GROUP BY account_id
),
opening AS (
    UPDATE accounts AS account
    SET
        balance = account.balance + total.amount,
        version = account.version + total.entries,
        entered_at = clock.now
    FROM total, clock
    WHERE account.id = total.account_id
    RETURNING
        account.id, account.owner_id,
        account.balance - total.amount AS balance,
        account.version - total.entries AS version
),
written AS (
    INSERT INTO transfers (
        id, from_account_id, to_account_id, amount, description, created_by, reverses_id, hold_id, reference,
        reference_by, metadata, created_at
    )
    SELECT
        transfer.id, transfer.from_account_id, transfer.to_account_id, transfer.amount, transfer.description,
        transfer.created_by, transfer.reverses_id, transfer.hold_id, transfer.reference, transfer.reference_by,
        transfer.metadata::json, clock.now
    FROM transfer
    CROSS JOIN clock
    RETURNING id, from_account_id, to_account_id, created_at
),
entry AS (
    INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
    SELECT
        leg.account_id,
        opening.version + row_number() OVER in_order,
        leg.transfer_id,
        leg.amount,
        opening.balance + sum(leg.amount) OVER in_order,
        clock.now
    FROM leg
    JOIN opening ON opening.id = leg.account_id
    CROSS JOIN clock
    WINDOW in_order AS (PARTITION BY leg.account_id ORDER BY leg.position)
    RETURNING transfer_id, account_id, balance_after, version
),
kept AS (
    INSERT INTO idempotency_keys (user_id, key, request_hash, kind, resource_id, shown_account_ids, created_at)
    SELECT
        transfer.created_by, transfer.key, transfer.request_hash, 'transfer', transfer.id,
        array(
            SELECT opening.id
            FROM opening
            WHERE opening.id IN (transfer.from_account_id, transfer.to_account_id)
                AND opening.owner_id = transfer.created_by
            ORDER BY opening.id
        ),
        clock.now
    FROM transfer
    CROSS JOIN clock
    WHERE transfer.key IS NOT NULL
    ORDER BY transfer.created_by, transfer.key
)
SELECT
    written.id, written.created_at,
    debit.balance_after AS from_balance, debit.version AS from_version,
    credit.balance_after AS to_balance, credit.version AS to_version
FROM written
JOIN transfer ON transfer.id = written.id
JOIN entry AS debit ON debit.transfer_id = written.id AND debit.account_id = written.from_account_id
JOIN entry AS credit ON credit.transfer_id = written.id AND credit.account_id = written.to_account_id
ORDER BY transfer.position;
