-- Transfers that the idempotency keys of transfers, batches and imports name wrongly: missing, another user's, named
-- twice, more than a minute later, or paid from an account that their user did not own then, unless it is a reversal or
-- was imported.
--
-- $1 after  timestamptz  idempotency_keys.created_at after this time; null: from the first
-- $2 until  timestamptz  up to and including this time; null: to the last
-- $3 limit  bigint       rows at most
--
-- Returns  transfer_id bigint, keys bigint;
--          no row if all is well
-- Index    idempotency_keys_created_at_idx, transfers_pkey
-- Locks    idempotency_keys, transfers AccessShareLock
WITH /* main/invariants/transfer_keys */ kept AS MATERIALIZED (
    -- A key is written with its transfer. So keys that name the same transfer are within one range and the minute after it.
    SELECT
        user_id, kind, resource_id, shown_account_ids, answer, created_at,
        created_at <= coalesce($2::timestamptz, 'infinity') AS within
    FROM idempotency_keys
    WHERE created_at > coalesce($1::timestamptz, '-infinity')
        AND created_at <= coalesce($2::timestamptz, 'infinity') + interval '1 minute'
        AND kind IN ('transfer', 'import', 'batch')
)
SELECT named.transfer_id, count(*) AS keys
FROM (
    SELECT user_id, resource_id AS transfer_id, shown_account_ids, created_at, within
    FROM kept
    WHERE kind IN ('transfer', 'import')
    UNION ALL
    -- The answer to a batch has its transfers at any depth: its form may differ between releases.
    SELECT kept.user_id, item.transfer_id::bigint, NULL::bigint[], kept.created_at, kept.within
    FROM kept,
        jsonb_path_query(
            kept.answer::jsonb, 'strict $.** ? (exists (@.balances) && exists (@.from_account_id)).id'
        ) AS item (transfer_id)
    WHERE kept.kind = 'batch'
) AS named
LEFT JOIN transfers ON transfers.id = named.transfer_id AND transfers.created_by = named.user_id
GROUP BY named.transfer_id
HAVING bool_or(named.within)
    AND (
        count(*) <> 1
        OR count(transfers.id) <> 1
        OR bool_or(named.created_at > transfers.created_at + interval '1 minute')
        OR bool_or(
            transfers.reverses_id IS NULL AND NOT transfers.from_account_id = ANY(named.shown_account_ids)
        )
    )
ORDER BY named.transfer_id
LIMIT $3::bigint;
