-- Idempotency keys of a missing transfer or of another user's, and transfers with two keys.
--
-- $1 limit  bigint  rows at most
--
-- Returns  transfer_id bigint, keys bigint;
--          no row if all is well
-- Index    none
-- Locks    idempotency_keys, transfers AccessShareLock
SELECT /* main/invariants/keys */ idempotency_keys.resource_id AS transfer_id, count(*) AS keys
FROM idempotency_keys
LEFT JOIN transfers
    ON transfers.id = idempotency_keys.resource_id
    AND transfers.created_by = idempotency_keys.user_id
WHERE idempotency_keys.kind = 'transfer'
GROUP BY idempotency_keys.resource_id
HAVING count(*) <> 1
    OR count(transfers.id) <> 1
ORDER BY idempotency_keys.resource_id
LIMIT $1::bigint;
