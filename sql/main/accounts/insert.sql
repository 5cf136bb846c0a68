-- Open an account, unless its owner has left or has as many accounts as allowed, closed ones included. The count ends
-- there.
--
-- $1 owner_id  bigint  users.id
-- $2 name      text
-- $3 currency  text    ISO 4217
-- $4 quota     bigint  most accounts of a user
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row; none if the owner has left or has no room
-- Index    users_pkey, accounts_owner_id_idx
-- Locks    users RowShareLock; its row FOR SHARE; accounts AccessShareLock, RowShareLock, RowExclusiveLock; changes AccessShareLock, RowExclusiveLock
WITH /* main/accounts/insert */ owner AS MATERIALIZED (
    SELECT id
    FROM users
    WHERE id = $1::bigint
        AND deleted_at IS NULL
        AND (
            SELECT count(*)
            FROM (
                SELECT id
                FROM accounts
                WHERE owner_id = $1::bigint
                ORDER BY created_at
                LIMIT $4::bigint
            ) AS opened
        ) < $4::bigint
    FOR SHARE
)
INSERT INTO accounts (owner_id, name, currency)
SELECT owner.id, $2::text, $3::text
FROM owner
RETURNING id, owner_id, name, currency, balance, held, minimum, status, version, created_at;
