-- References and metadata of transfers, holds and purchases: what their writer needs to find them again. The release
-- before does not know them: it writes and shows transfers, holds and purchases without. Its captures and reversals
-- inherit no reference.

ALTER TABLE transfers ADD COLUMN reference text;
ALTER TABLE transfers ADD COLUMN reference_by bigint;
ALTER TABLE transfers ADD COLUMN metadata json;
ALTER TABLE holds ADD COLUMN reference text;
ALTER TABLE holds ADD COLUMN metadata json;
ALTER TABLE purchases ADD COLUMN reference text;
ALTER TABLE purchases ADD COLUMN metadata json;

-- The next migration validates them, in a transaction that stops no writer.
ALTER TABLE transfers ADD CONSTRAINT transfers_reference_check
CHECK (length(reference) BETWEEN 1 AND 255) NOT VALID;
ALTER TABLE transfers ADD CONSTRAINT transfers_reference_by_check
CHECK ((reference IS NULL) = (reference_by IS NULL)) NOT VALID;
ALTER TABLE transfers ADD CONSTRAINT transfers_reference_by_fkey
FOREIGN KEY (reference_by) REFERENCES users NOT VALID;
ALTER TABLE transfers ADD CONSTRAINT transfers_metadata_check
CHECK (json_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096) NOT VALID;
ALTER TABLE holds ADD CONSTRAINT holds_reference_check
CHECK (length(reference) BETWEEN 1 AND 255) NOT VALID;
ALTER TABLE holds ADD CONSTRAINT holds_metadata_check
CHECK (json_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096) NOT VALID;
ALTER TABLE purchases ADD CONSTRAINT purchases_reference_check
CHECK (length(reference) BETWEEN 1 AND 255) NOT VALID;
ALTER TABLE purchases ADD CONSTRAINT purchases_metadata_check
CHECK (json_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 4096) NOT VALID;

COMMENT ON COLUMN transfers.reference IS
'The writer''s own name for the transfer, not unique. A capture has the reference of its hold, a payment that of its purchase, a reversal or refund that of the transfer that it reverses.';
COMMENT ON COLUMN transfers.reference_by IS 'User who wrote the reference. Only that user and operators see it.';
COMMENT ON COLUMN transfers.metadata IS 'Strings by name, for the user in created_by and operators only. Never inherited.';
COMMENT ON COLUMN holds.reference IS 'The own name of the user in created_by for the hold, not unique. Only that user and operators see it.';
COMMENT ON COLUMN holds.metadata IS 'Strings by name, for the user in created_by and operators only.';
COMMENT ON COLUMN purchases.reference IS 'The buyer''s own name for the purchase, not unique. Only the buyer and operators see it.';
COMMENT ON COLUMN purchases.metadata IS 'Strings by name, for the buyer and operators only.';

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
    transfers.metadata
FROM transfers
JOIN entries AS debit ON debit.transfer_id = transfers.id AND debit.account_id = transfers.from_account_id
JOIN entries AS credit ON credit.transfer_id = transfers.id AND credit.account_id = transfers.to_account_id
JOIN accounts AS payer ON payer.id = transfers.from_account_id
JOIN accounts AS payee ON payee.id = transfers.to_account_id;

CREATE OR REPLACE VIEW hold_details AS
SELECT
    holds.id,
    holds.from_account_id,
    holds.to_account_id,
    payer.currency,
    holds.amount,
    holds.description,
    CASE
        WHEN holds.status = 'active' AND holds.expires_at <= statement_timestamp() THEN 'expired'
        ELSE holds.status
    END AS status,
    capture.amount AS captured_amount,
    capture.id AS transfer_id,
    holds.expires_in,
    holds.expires_at,
    holds.created_at,
    payer.owner_id AS from_owner_id,
    payee.owner_id AS to_owner_id,
    holds.created_by,
    holds.reference,
    holds.metadata
FROM holds
JOIN accounts AS payer ON payer.id = holds.from_account_id
JOIN accounts AS payee ON payee.id = holds.to_account_id
LEFT JOIN transfers AS capture ON capture.hold_id = holds.id;

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
    purchases.metadata
FROM purchases
JOIN accounts AS payer ON payer.id = purchases.account_id
JOIN accounts AS payee ON payee.id = purchases.payee_account_id;
