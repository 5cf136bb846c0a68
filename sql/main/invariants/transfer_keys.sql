-- Transfers that the idempotency keys of transfers and batches name wrongly: missing, another user's, named twice, or paid
-- from an account that their user did not own then, unless it is a reversal.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, keys bigint;
--          no row if all is well
-- Index    none
-- Locks    idempotency_keys, transfers AccessShareLock
SELECT /* main/invariants/transfer_keys */ named.transfer_id, count(*) AS keys
FROM (
    SELECT user_id, resource_id AS transfer_id, shown_account_ids
    FROM idempotency_keys
    WHERE kind = 'transfer'
    UNION ALL
    -- The answer to a batch has its transfers at any depth: its form may differ between releases.
    SELECT idempotency_keys.user_id, item.transfer_id::bigint, NULL::bigint[]
    FROM idempotency_keys,
        jsonb_path_query(
            idempotency_keys.answer::jsonb, 'strict $.** ? (exists (@.balances) && exists (@.from_account_id)).id'
        ) AS item (transfer_id)
    WHERE idempotency_keys.kind = 'batch'
) AS named
LEFT JOIN transfers ON transfers.id = named.transfer_id AND transfers.created_by = named.user_id
GROUP BY named.transfer_id
HAVING count(*) <> 1
    OR count(transfers.id) <> 1
    OR bool_or(
        transfers.reverses_id IS NULL AND NOT transfers.from_account_id = ANY(named.shown_account_ids)
    )
ORDER BY named.transfer_id
LIMIT $1::bigint;
