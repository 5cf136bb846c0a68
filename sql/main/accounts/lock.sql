-- Lock the accounts of orders that their callers may give, always in id order. Both accounts of an order are locked if
-- its payer is its caller's; of other orders, none is.
--
-- $1 from_ids  bigint[]  accounts.id that pay
-- $2 to_ids    bigint[]  accounts.id that are paid, each by the account at its place in $1
-- $3 owners    bigint[]  users.id of the callers, each at the place of its order; null: any owner
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          one row for each locked account, by id
-- Index    accounts_pkey
-- Locks    accounts AccessShareLock, RowShareLock; its rows FOR NO KEY UPDATE, by id
SELECT /* main/accounts/lock */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE id = ANY(
        array(
            SELECT unnest(ARRAY[payer.id, asked.to_id])
            FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS asked (from_id, to_id, owner_id)
            JOIN accounts AS payer ON payer.id = asked.from_id
            WHERE asked.owner_id IS NULL
                OR payer.owner_id = asked.owner_id
        )
    )
ORDER BY id
FOR NO KEY UPDATE;
