-- Holds as of the statement, not of the row: a view with a volatile function in it is computed whole before a page is taken of
-- it, and so holds/list and holds/list_by_owner read all holds, accounts and transfers. statement_timestamp() is stable.
-- It is never before a lock that an earlier statement waited for.

CREATE OR REPLACE VIEW promises AS
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
COMMENT ON VIEW promises IS 'Holds as of this statement, with what captured them, and whose accounts those are now.';
