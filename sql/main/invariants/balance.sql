-- Accounts whose balance, version or last time differs from their last entry, or whose entries do not add up to it. A range
-- may begin and end within the entries of an account: then it adds up to the difference of two balances.
--
-- $1 after  bigint[]  accounts.id and entries.version after these two; null: from the first
-- $2 until  bigint[]  up to and including these two; null: to the last
-- $3 limit  bigint    rows at most
--
-- Returns  account_id bigint, balance bigint, entries_total numeric, last_balance_after bigint, version bigint, entries bigint;
--          no row if all is well; entries_total and entries are those of the range
-- Index    accounts_pkey, entries_pkey
-- Locks    accounts, entries AccessShareLock
SELECT /* main/invariants/balance */
    accounts.id AS account_id, accounts.balance, coalesce(part.amount, 0) AS entries_total,
    coalesce(final.balance_after, 0) AS last_balance_after, accounts.version, coalesce(part.entries, 0) AS entries
FROM accounts
LEFT JOIN (
    SELECT account_id, sum(amount) AS amount, count(*) AS entries, min(version) AS first, max(version) AS last
    FROM entries
    WHERE (account_id, version) > (coalesce(($1::bigint[])[1], 0), coalesce(($1::bigint[])[2], 0))
        AND (account_id, version) <= (
            coalesce(($2::bigint[])[1], 9223372036854775807), coalesce(($2::bigint[])[2], 9223372036854775807)
        )
    GROUP BY account_id
) AS part ON part.account_id = accounts.id
LEFT JOIN entries AS previous ON previous.account_id = accounts.id AND previous.version = part.first - 1
LEFT JOIN entries AS final ON final.account_id = accounts.id AND final.version = part.last
WHERE accounts.id >= coalesce(($1::bigint[])[1], 0)
    AND accounts.id <= coalesce(($2::bigint[])[1], 9223372036854775807)
    -- The first account of the range may have been complete before it.
    AND (part.account_id IS NOT NULL OR accounts.id > coalesce(($1::bigint[])[1], 0) OR ($1::bigint[])[2] = 0)
    AND (
        coalesce(final.balance_after, 0) <> coalesce(previous.balance_after, 0) + coalesce(part.amount, 0)
        OR part.entries <> part.last - part.first + 1
        OR (
            (
                accounts.balance <> coalesce(final.balance_after, 0)
                OR accounts.version <> coalesce(part.last, 0)
                OR accounts.entered_at <> coalesce(final.created_at, '-infinity')
            )
            -- The last account of the range may go on after it.
            AND NOT EXISTS (
                SELECT
                FROM entries AS later
                WHERE later.account_id = accounts.id
                    AND accounts.id = ($2::bigint[])[1]
                    AND later.version > ($2::bigint[])[2]
            )
        )
    )
ORDER BY accounts.id
LIMIT $3::bigint;
