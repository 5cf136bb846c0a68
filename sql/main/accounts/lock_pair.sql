-- Lock the two accounts of an order that a caller may give, in id order: none unless the payer is the caller's.
--
-- $1 from_id   bigint  accounts.id that pays
-- $2 to_id     bigint  accounts.id that is paid
-- $3 owner_id  bigint  users.id of the caller; null: the caller may give every order
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row for each locked account, by id
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock, RowShareLock; its rows FOR NO KEY UPDATE, by id
SELECT /* main/accounts/lock_pair */
    id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE id IN ($1::bigint, $2::bigint)
    AND EXISTS (
        SELECT FROM accounts AS payer
        WHERE payer.id = $1::bigint
            AND ($3::bigint IS NULL OR payer.owner_id = $3::bigint)
    )
ORDER BY id
FOR NO KEY UPDATE;
