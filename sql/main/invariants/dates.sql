-- Transfers, holds and purchases dated in the future, before their user or accounts existed, or after their user left. A
-- minute of difference between clocks is allowed.
--
-- $1 limit  bigint  rows at most
--
-- Returns  kind text, id bigint, created_at timestamptz, user_id bigint;
--          no row if all is well
-- Index    none
-- Locks    transfers, holds, purchases, users, accounts AccessShareLock
SELECT /* main/invariants/dates */ dated.kind, dated.id, dated.created_at, dated.user_id
FROM (
    SELECT 'transfer' AS kind, id, created_at, created_by AS user_id, from_account_id, to_account_id
    FROM transfers
    UNION ALL
    SELECT 'hold', id, created_at, created_by, from_account_id, to_account_id
    FROM holds
    UNION ALL
    SELECT 'purchase', id, created_at, buyer_id, account_id, payee_account_id
    FROM purchases
) AS dated
LEFT JOIN users ON users.id = dated.user_id
LEFT JOIN accounts AS payer ON payer.id = dated.from_account_id
LEFT JOIN accounts AS payee ON payee.id = dated.to_account_id
WHERE dated.created_at > statement_timestamp() + interval '1 minute'
    OR dated.created_at < greatest(users.created_at, payer.created_at, payee.created_at) - interval '1 minute'
    OR dated.created_at > users.deleted_at + interval '1 minute'
ORDER BY dated.kind, dated.id
LIMIT $1::bigint;
