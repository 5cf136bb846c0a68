-- Reversals and refunds in parts: a transfer may be reversed until nothing of it is left, and a refund returns a quantity
-- to stock, or none.
--
-- The release before reverses and refunds in full: it answers already_reversed for a transfer that is reversed in part,
-- and 500 for the refund of a purchase that is refunded in part, which the trigger below refuses; its refunds have no
-- row in refunds, and returned the whole quantity. It does not finish refunds of this release. Its audit reports partial
-- reversals, purchases that are refunded in part, and products whose stock was returned in part.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX IF NOT EXISTS transfers_reverses_id_idx ON transfers (reverses_id) WHERE reverses_id IS NOT NULL;

-- The ledger decides under the locks of both accounts. The trigger stops a release that does not know of parts.
CREATE FUNCTION refuse_excess() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    excess boolean;
BEGIN
    -- By its id, because the search path is empty while a dump is restored.
    EXECUTE format(
        'SELECT original.amount < $2 + coalesce(sum(earlier.amount), 0)'
        ' FROM %1$s AS original LEFT JOIN %1$s AS earlier ON earlier.reverses_id = original.id'
        ' WHERE original.id = $1 GROUP BY original.amount',
        TG_RELID::regclass
    ) INTO excess USING NEW.reverses_id, NEW.amount;
    IF excess THEN
        RAISE EXCEPTION 'reversals of transfer % exceed its amount', NEW.reverses_id USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION refuse_excess() IS 'Keeps the sum of reversals within the reversed transfer, whose accounts are locked.';
CREATE TRIGGER transfers_reversed_check BEFORE INSERT ON transfers
FOR EACH ROW
WHEN (new.reverses_id IS NOT NULL)
EXECUTE FUNCTION refuse_excess();
-- squawk-ignore ban-drop-constraint
ALTER TABLE transfers DROP CONSTRAINT transfers_reverses_id_key;
COMMENT ON COLUMN transfers.reverses_id IS 'Transfer that this one reverses, in full or in part. The sum of its reversals is at most its amount.';
COMMENT ON COLUMN purchases.transfer_id IS 'Transfer that paid the purchase. Its refunds are the transfers that reverse it.';
COMMENT ON COLUMN purchases.status IS
'pending: its money is held; completed: it is paid, and perhaps refunded in part; rejected: its money is free again; refunded: all of it was paid back.';

CREATE TABLE refunds (
    transfer_id bigint CONSTRAINT refunds_pkey PRIMARY KEY
    CONSTRAINT refunds_transfer_id_fkey REFERENCES transfers,
    purchase_id bigint NOT NULL CONSTRAINT refunds_purchase_id_fkey REFERENCES purchases,
    quantity bigint NOT NULL CONSTRAINT refunds_quantity_check CHECK (quantity BETWEEN 0 AND 9007199254740991),
    finished boolean NOT NULL,
    leased_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    CONSTRAINT refunds_finished_check CHECK (finished OR quantity > 0)
);
-- refunds/lease
CREATE INDEX refunds_unfinished_idx ON refunds (leased_until) WHERE NOT finished;
-- refunds/unfinished_of
CREATE INDEX refunds_purchase_id_idx ON refunds (purchase_id) WHERE NOT finished;
COMMENT ON TABLE refunds IS 'Refunds of purchases. The money moves in the same commit; then the catalog takes the quantity back, once.';
COMMENT ON COLUMN refunds.transfer_id IS 'Transfer that paid the money back. The catalog knows the refund by this id.';
COMMENT ON COLUMN refunds.quantity IS 'Quantity that goes back to stock. 0 if the refund returns money alone.';
COMMENT ON COLUMN refunds.finished IS 'True once the catalog has taken the quantity back. Until then a worker retries.';
COMMENT ON COLUMN refunds.leased_until IS 'When the lease of the worker that handles the refund ends. After that any worker may lease it.';

CREATE OR REPLACE VIEW transfer_details AS
SELECT
    transfers.id,
    transfers.from_account_id,
    transfers.to_account_id,
    payer.currency,
    transfers.amount,
    transfers.description,
    transfers.reverses_id,
    transfers.hold_id,
    transfers.created_at,
    payer.owner_id AS from_owner_id,
    debit.balance_after AS from_balance,
    debit.version AS from_version,
    payee.owner_id AS to_owner_id,
    credit.balance_after AS to_balance,
    credit.version AS to_version,
    transfers.created_by,
    transfers.reference,
    transfers.reference_by,
    transfers.metadata,
    coalesce((
        SELECT sum(reversal.amount)
        FROM transfers AS reversal
        WHERE reversal.reverses_id = transfers.id
    ), 0)::bigint AS reversed_amount,
    (
        SELECT purchases.id
        FROM purchases
        WHERE purchases.transfer_id = coalesce(transfers.reverses_id, transfers.id)
    ) AS purchase_id
FROM transfers
JOIN entries AS debit ON debit.transfer_id = transfers.id AND debit.account_id = transfers.from_account_id
JOIN entries AS credit ON credit.transfer_id = transfers.id AND credit.account_id = transfers.to_account_id
JOIN accounts AS payer ON payer.id = transfers.from_account_id
JOIN accounts AS payee ON payee.id = transfers.to_account_id;

CREATE OR REPLACE VIEW purchase_details AS
SELECT
    purchases.id,
    purchases.buyer_id,
    purchases.product_id,
    purchases.quantity,
    purchases.unit_price,
    purchases.amount,
    payer.currency,
    purchases.account_id,
    purchases.payee_account_id,
    payee.owner_id AS seller_id,
    purchases.status,
    purchases.reason,
    purchases.transfer_id,
    purchases.finished,
    purchases.created_at,
    purchases.reference,
    purchases.metadata,
    refund.amount AS refunded_amount,
    refund.quantity AS refunded_quantity,
    refund.finished AS returned,
    refund.released
FROM purchases
JOIN accounts AS payer ON payer.id = purchases.account_id
JOIN accounts AS payee ON payee.id = purchases.payee_account_id
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(reversal.amount), 0)::bigint AS amount,
        coalesce(sum(coalesce(refunds.quantity, purchases.quantity)), 0)::bigint AS quantity,
        coalesce(bool_and(coalesce(refunds.finished, TRUE)), TRUE) AS finished,
        coalesce(bool_or(refunds.transfer_id IS NULL), FALSE) AS released
    FROM transfers AS reversal
    LEFT JOIN refunds ON refunds.transfer_id = reversal.id
    WHERE reversal.reverses_id = purchases.transfer_id
) AS refund ON TRUE;
COMMENT ON COLUMN purchase_details.returned IS 'True if the catalog has taken back the quantity of every refund.';
COMMENT ON COLUMN purchase_details.released IS 'True if the release before refunded it: in full, by releasing its reservation.';
