-- Captured holds without a transfer, and holds with a wrong one: not captured, too large, or between other accounts.
--
-- $1 limit  bigint  rows at most
--
-- Returns  hold_id bigint, status text, amount bigint, transfer_id bigint, captured_amount bigint;
--          no row if all is well
-- Index    holds_pkey, transfers_hold_id_key
-- Locks    holds, transfers AccessShareLock
SELECT /* main/invariants/captures */
    holds.id AS hold_id, holds.status, holds.amount, transfers.id AS transfer_id, transfers.amount AS captured_amount
FROM holds
LEFT JOIN transfers ON transfers.hold_id = holds.id
WHERE (holds.status = 'captured') <> (transfers.id IS NOT NULL)
    OR transfers.amount > holds.amount
    OR transfers.from_account_id <> holds.from_account_id
    OR transfers.to_account_id <> holds.to_account_id
ORDER BY holds.id
LIMIT $1::bigint;
