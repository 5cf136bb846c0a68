-- Mark a user, locked by this unit of work, as left. The e-mail is erased; the username stays taken, and the row stays
-- for the ledger.
--
-- $1 id  bigint  users.id
--
-- Returns  none
-- Index    users_pkey
-- Locks    users RowExclusiveLock
UPDATE /* main/users/delete */ users
SET
    email = NULL,
    email_key = NULL,
    deleted_at = statement_timestamp(),
    version = version + 1
WHERE id = $1::bigint;
