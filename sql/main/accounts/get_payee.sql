-- Read the owner's username and the currency of an account, for a payer before a payment.
--
-- $1 id  bigint  accounts.id
--
-- Returns  account_id bigint, username text, currency text, accepts_payments boolean;
--          at most one row; username: null if the owner has left
-- Index    accounts_pkey, users_pkey
-- Locks    accounts, users AccessShareLock
SELECT /* main/accounts/get_payee */
    accounts.id AS account_id, CASE WHEN users.deleted_at IS NULL THEN users.username END AS username,
    accounts.currency, accounts.status = 'open' AS accepts_payments
FROM accounts
JOIN users ON users.id = accounts.owner_id
WHERE accounts.id = $1::bigint;
