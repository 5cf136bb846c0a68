-- List an account's entries between two times, newest first.
--
-- $1 account_id      bigint       accounts.id
-- $2 from_time       timestamptz  inclusive
-- $3 to_time         timestamptz  exclusive
-- $4 before_version  bigint       keyset: entries.version of the last row seen
-- $5 limit           bigint       rows at most
--
-- Returns  account_id bigint, version bigint, transfer_id bigint, amount bigint, balance_after bigint, counterparty_account_id bigint, description text, created_at timestamptz, reference text, reference_by bigint;
--          a page of rows
-- Index    entries_created_at_idx, entries_pkey, transfers_pkey
-- Locks    entries, transfers AccessShareLock
SELECT /* main/entries/list_between */
    entries.account_id, entries.version, entries.transfer_id, entries.amount, entries.balance_after,
    CASE entries.account_id
        WHEN transfers.from_account_id THEN transfers.to_account_id
        ELSE transfers.from_account_id
    END AS counterparty_account_id,
    transfers.description, entries.created_at, transfers.reference, transfers.reference_by
FROM entries
JOIN transfers ON transfers.id = entries.transfer_id
WHERE entries.account_id = $1::bigint
    -- created_at never decreases as version increases: two look-ups turn the times into versions, and each page is a
    -- range.
    AND entries.version >= (
        SELECT first.version
        FROM entries AS first
        WHERE first.account_id = $1::bigint
            AND first.created_at >= $2::timestamptz
        ORDER BY first.created_at, first.version
        LIMIT 1
    )
    AND entries.version < least(
        $4::bigint,
        (
            SELECT beyond.version
            FROM entries AS beyond
            WHERE beyond.account_id = $1::bigint
                AND beyond.created_at >= $3::timestamptz
            ORDER BY beyond.created_at, beyond.version
            LIMIT 1
        )
    )
ORDER BY entries.version DESC
LIMIT $5::bigint;
