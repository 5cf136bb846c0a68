-- Captured holds without a transfer, and transfers that capture wrongly: a hold that is missing or not captured, more than
-- its amount, between other accounts, or more than a minute after its expiry.
--
-- $1 limit  bigint  rows at most
--
-- Returns  hold_id bigint, status text, amount bigint, transfer_id bigint, captured_amount bigint;
--          no row if all is well
-- Index    holds_pkey, transfers_hold_id_key
-- Locks    holds, transfers AccessShareLock
SELECT /* main/invariants/captures */
    coalesce(holds.id, capture.hold_id) AS hold_id, holds.status, holds.amount, capture.id AS transfer_id,
    capture.amount AS captured_amount
FROM holds
FULL JOIN (
    SELECT id, hold_id, from_account_id, to_account_id, amount, created_at
    FROM transfers
    WHERE hold_id IS NOT NULL
) AS capture ON capture.hold_id = holds.id
WHERE holds.id IS NULL
    OR (holds.status = 'captured') <> (capture.id IS NOT NULL)
    OR capture.amount > holds.amount
    OR capture.from_account_id <> holds.from_account_id
    OR capture.to_account_id <> holds.to_account_id
    -- A minute: the hold is judged before the transfer is dated, in the same unit of work.
    OR capture.created_at > holds.expires_at + interval '1 minute'
ORDER BY hold_id
LIMIT $1::bigint;
