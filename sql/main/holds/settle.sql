-- Settle a hold as decided under the locks, if it is active and not expired: set its status and free its money.
--
-- $1 id      bigint  holds.id, locked by this unit of work, as is its paying account
-- $2 status  text    captured, released
--
-- Returns  none
-- Index    holds_pkey, accounts_pkey
-- Locks    holds, accounts RowExclusiveLock
WITH /* main/holds/settle */ settled AS (
    UPDATE holds
    SET status = $2::text
    WHERE id = $1::bigint
        AND status = 'active'
        AND expires_at > statement_timestamp()
    RETURNING from_account_id, amount
)
UPDATE accounts
SET held = accounts.held - settled.amount
FROM settled
WHERE accounts.id = settled.from_account_id;
