-- Transfers, holds and purchases as they are shown, with the currency and the present owners of their accounts.

CREATE VIEW transfer_details AS
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
    credit.version AS to_version
FROM transfers
JOIN entries AS debit ON debit.transfer_id = transfers.id AND debit.account_id = transfers.from_account_id
JOIN entries AS credit ON credit.transfer_id = transfers.id AND credit.account_id = transfers.to_account_id
JOIN accounts AS payer ON payer.id = transfers.from_account_id
JOIN accounts AS payee ON payee.id = transfers.to_account_id;
COMMENT ON VIEW transfer_details IS 'Transfers with their currency, the balances after them, and the present owners of both accounts.';

-- statement_timestamp() is stable. With the volatile clock_timestamp() PostgreSQL would compute the view for all holds
-- before it takes a page. A statement that follows a lock sees a time after the wait for that lock.
CREATE VIEW hold_details AS
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
    payee.owner_id AS to_owner_id
FROM holds
JOIN accounts AS payer ON payer.id = holds.from_account_id
JOIN accounts AS payee ON payee.id = holds.to_account_id
LEFT JOIN transfers AS capture ON capture.hold_id = holds.id;
COMMENT ON VIEW hold_details IS 'Holds with their status as of this statement, the transfer that captured them, and the present owners of both accounts.';

CREATE VIEW purchase_details AS
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
    purchases.created_at
FROM purchases
JOIN accounts AS payer ON payer.id = purchases.account_id
JOIN accounts AS payee ON payee.id = purchases.payee_account_id;
COMMENT ON VIEW purchase_details IS 'Purchases with their currency and their seller: the present owner of the account that is paid.';
