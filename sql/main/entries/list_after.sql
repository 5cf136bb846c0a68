-- List an account's entries after a version, oldest first, for a caller that follows the account.
--
-- $1 account_id     bigint  accounts.id
-- $2 after_version  bigint  entries.version of the last entry that the caller has
-- $3 limit          bigint  rows at most
--
-- Returns  account_id bigint, version bigint, transfer_id bigint, amount bigint, balance_after bigint, counterparty_account_id bigint, description text, created_at timestamptz, reference text, reference_by bigint;
--          a page of rows whose versions follow $2 without a gap
-- Index    entries_pkey, transfers_pkey
-- Locks    entries, transfers AccessShareLock
SELECT /* main/entries/list_after */
    entries.account_id, entries.version, entries.transfer_id, entries.amount, entries.balance_after,
    CASE entries.account_id
        WHEN transfers.from_account_id THEN transfers.to_account_id
        ELSE transfers.from_account_id
    END AS counterparty_account_id,
    transfers.description, entries.created_at, transfers.reference, transfers.reference_by
FROM entries
JOIN transfers ON transfers.id = entries.transfer_id
WHERE entries.account_id = $1::bigint
    AND entries.version > $2::bigint
ORDER BY entries.version
LIMIT $3::bigint;
