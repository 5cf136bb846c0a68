-- Write a hold that was decided under the locks, and add its amount to the payer's held amount.
--
-- $1 from_account_id  bigint  accounts.id, locked by this unit of work
-- $2 to_account_id    bigint  accounts.id, locked by this unit of work
-- $3 amount           bigint  minor units
-- $4 description      text
-- $5 expires_in       bigint  seconds from now
-- $6 created_by       bigint  users.id
-- $7 reference        text    of created_by; null: none
-- $8 metadata         json    null: none
--
-- Returns  id bigint;
--          one row
-- Index    accounts_pkey
-- Locks    accounts RowShareLock, RowExclusiveLock; its row FOR KEY SHARE; users RowShareLock; its row FOR KEY SHARE;
--          holds RowExclusiveLock
WITH /* main/holds/insert */ held AS (
    UPDATE accounts
    SET held = held + $3::bigint
    WHERE id = $1::bigint
)
INSERT INTO holds (
    from_account_id, to_account_id, amount, description, expires_in, expires_at, created_by, reference, metadata,
    created_at
)
SELECT
    $1::bigint, $2::bigint, $3::bigint, $4::text, $5::bigint,
    statement_timestamp() + make_interval(secs => $5::bigint), $6::bigint, $7::text, $8::json, statement_timestamp()
RETURNING id;
