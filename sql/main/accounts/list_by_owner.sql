-- List one owner's accounts, newest first.
--
-- $1 owner_id     bigint       users.id
-- $2 before_time  timestamptz  keyset: accounts.created_at of the last row seen
-- $3 before_id    bigint       keyset: accounts.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, owner_id bigint, name text, currency text, balance bigint, held bigint, minimum bigint, status text, version bigint, created_at timestamptz;
--          a page of rows
-- Index    accounts_owner_id_idx
-- Locks    accounts AccessShareLock
SELECT /* main/accounts/list_by_owner */ id, owner_id, name, currency, balance, held, minimum, status, version, created_at
FROM accounts
WHERE owner_id = $1::bigint
    AND (created_at, id) < ($2::timestamptz, $3::bigint)
ORDER BY created_at DESC, id DESC
LIMIT $4::bigint;
