-- Entries that do not continue the previous one: a gap in version, a balance that does not add up, an earlier time.
--
-- $1 after  bigint  transfers.id of the entries after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  account_id bigint, version bigint, balance_before bigint, amount bigint, balance_after bigint;
--          no row if all is well
-- Index    entries_transfer_id_key, entries_pkey
-- Locks    entries AccessShareLock
WITH /* main/invariants/chain */ entry AS MATERIALIZED (
    SELECT account_id, version, amount, balance_after, created_at
    FROM entries
    WHERE transfer_id > coalesce($1::bigint, 0)
        AND transfer_id <= coalesce($2::bigint, 9223372036854775807)
)
SELECT
    entry.account_id, entry.version, coalesce(previous.balance_after, 0) AS balance_before, entry.amount,
    entry.balance_after
FROM entry
LEFT JOIN entries AS previous ON previous.account_id = entry.account_id AND previous.version = entry.version - 1
WHERE entry.balance_after <> coalesce(previous.balance_after, 0) + entry.amount
    OR (entry.version = 1) <> (previous.version IS NULL)
    OR entry.created_at < previous.created_at
ORDER BY entry.account_id, entry.version
LIMIT $3::bigint;
