-- The statements of a transfer as of commit 70b6393: lock, find the key, insert, in one transaction. They stay as they are,
-- whatever Folio sends by now, so that ratios to pgbench can be compared over the years.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SELECT /* main/accounts/lock */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE id = ANY(ARRAY[:payer::bigint, :payee::bigint])
ORDER BY id
FOR NO KEY UPDATE;
SELECT /* main/idempotency_keys/find */
    taken.user_id, taken.key, taken.request_hash, taken.kind, taken.resource_id, taken.shown_account_ids, taken.answer
FROM unnest(ARRAY[:user::bigint], ARRAY[:key::text]) AS asked (user_id, key)
JOIN idempotency_keys AS taken
    ON taken.user_id = asked.user_id
    AND taken.key = asked.key;
WITH /* main/transfers/insert */ transfer AS MATERIALIZED (
    SELECT nextval('transfers_id_seq') AS id, asked.*
    FROM
        unnest(
            ARRAY[:payer::bigint], ARRAY[:payee::bigint], ARRAY[1::bigint], ARRAY[NULL::text], ARRAY[:user::bigint], ARRAY[:key::text], ARRAY[sha256(convert_to(:key::text, 'UTF8'))::bytea], ARRAY[NULL::bigint],
            ARRAY[NULL::bigint]
        ) WITH ORDINALITY AS asked (
            from_account_id, to_account_id, amount, description, created_by, key, request_hash, reverses_id, hold_id,
            position
        )
),
clock AS MATERIALIZED (
    SELECT greatest(clock_timestamp(), max(entered_at)) AS now
    FROM accounts
    WHERE id = ANY(ARRAY[:payer::bigint] || ARRAY[:payee::bigint])
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
),
written AS (
    INSERT INTO transfers (
        id, from_account_id, to_account_id, amount, description, created_by, reverses_id, hold_id, created_at
    )
    SELECT
        transfer.id, transfer.from_account_id, transfer.to_account_id, transfer.amount, transfer.description,
        transfer.created_by, transfer.reverses_id, transfer.hold_id, clock.now
    FROM transfer
    CROSS JOIN clock
    RETURNING id, from_account_id, to_account_id, created_at
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
COMMIT;
