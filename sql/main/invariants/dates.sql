-- Transfers, holds and purchases dated in the future, before their user or accounts existed, or after their user left; and
-- accounts whose last entry is dated in the future. A minute of difference between clocks is allowed.
--
-- $1 after  bigint  id of the transfer, hold, purchase or account after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  kind text, id bigint, created_at timestamptz, user_id bigint;
--          no row if all is well; user_id is null for an account
-- Index    transfers_pkey, holds_pkey, purchases_pkey, users_pkey, accounts_pkey, accounts_created_at_idx
-- Locks    transfers, holds, purchases, users, accounts AccessShareLock
SELECT /* main/invariants/dates */ dated.kind, dated.id, dated.created_at, dated.user_id
FROM (
    SELECT 'transfer' AS kind, id, created_at, created_by AS user_id, from_account_id, to_account_id
    FROM transfers
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
    UNION ALL
    SELECT 'hold', id, created_at, created_by, from_account_id, to_account_id
    FROM holds
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
    UNION ALL
    SELECT 'purchase', id, created_at, buyer_id, account_id, payee_account_id
    FROM purchases
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
    UNION ALL
    SELECT 'account', id, entered_at, NULL, NULL, NULL
    FROM accounts
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
        AND entered_at > statement_timestamp()
) AS dated
LEFT JOIN users ON users.id = dated.user_id
LEFT JOIN accounts AS payer ON payer.id = dated.from_account_id
LEFT JOIN accounts AS payee ON payee.id = dated.to_account_id
WHERE dated.created_at > statement_timestamp() + interval '1 minute'
    OR dated.created_at < greatest(users.created_at, payer.created_at, payee.created_at) - interval '1 minute'
    OR dated.created_at > users.deleted_at + interval '1 minute'
ORDER BY dated.kind, dated.id
LIMIT $3::bigint;
