-- Read an account's balance at a time, including the entries of that exact time.
--
-- $1 account_id  bigint       accounts.id; shared by this unit of work unless the answer is settled
-- $2 at          timestamptz  must be in the past; see past
--
-- Returns  balance bigint, version bigint, past boolean, settled boolean;
--          one row; balance and version are 0 before the first entry; past is false if $2 is in the future; settled is
--          true if no open transaction can still add an entry of that time: it would have exceeded transaction_timeout
-- Index    entries_created_at_idx
-- Locks    entries AccessShareLock
SELECT /* main/entries/balance_at */
    coalesce(last.balance_after, 0) AS balance,
    coalesce(last.version, 0) AS version,
    $2::timestamptz < clock_timestamp() AS past,
    -- Null before PostgreSQL 17, and zero if it is turned off: then the account must be shared.
    coalesce(
        $2::timestamptz
        < statement_timestamp() - nullif(current_setting('transaction_timeout', TRUE)::interval, interval '0'),
        FALSE
    ) AS settled
FROM (VALUES (1)) AS always (one)
LEFT JOIN LATERAL (
    SELECT balance_after, version
    FROM entries
    WHERE account_id = $1::bigint
        AND created_at <= $2::timestamptz
    ORDER BY created_at DESC, version DESC
    LIMIT 1
) AS last ON TRUE;
