-- Captured holds without a transfer, and transfers that capture wrongly: a hold that is missing or not captured, more than
-- its amount, between other accounts, or more than a minute after its expiry.
--
-- $1 after  bigint  holds.id after this one; null: from the first
-- $2 until  bigint  up to and including this one; null: to the last
-- $3 limit  bigint  rows at most
--
-- Returns  hold_id bigint, status text, amount bigint, transfer_id bigint, captured_amount bigint;
--          no row if all is well
-- Index    holds_pkey, transfers_hold_id_key
-- Locks    holds, transfers AccessShareLock
SELECT /* main/invariants/captures */
    coalesce(hold.id, capture.hold_id) AS hold_id, hold.status, hold.amount, capture.id AS transfer_id,
    capture.amount AS captured_amount
FROM (
    SELECT id, from_account_id, to_account_id, amount, status, expires_at
    FROM holds
    WHERE id > coalesce($1::bigint, 0)
        AND id <= coalesce($2::bigint, 9223372036854775807)
) AS hold
FULL JOIN (
    SELECT id, hold_id, from_account_id, to_account_id, amount, created_at
    FROM transfers
    WHERE hold_id > coalesce($1::bigint, 0)
        AND hold_id <= coalesce($2::bigint, 9223372036854775807)
) AS capture ON capture.hold_id = hold.id
WHERE hold.id IS NULL
    OR (hold.status = 'captured') <> (capture.id IS NOT NULL)
    OR capture.amount > hold.amount
    OR capture.from_account_id <> hold.from_account_id
    OR capture.to_account_id <> hold.to_account_id
    -- A minute: the hold is judged before the transfer is dated, in the same unit of work.
    OR capture.created_at > hold.expires_at + interval '1 minute'
ORDER BY hold_id
LIMIT $3::bigint;
