-- Stock that refunds gave back. The release before gives the whole quantity back by releasing the reservation; its audit
-- reports products whose stock was returned in part.

CREATE TABLE returns (
    refund_id bigint CONSTRAINT returns_pkey PRIMARY KEY,
    purchase_id bigint NOT NULL CONSTRAINT returns_purchase_id_fkey REFERENCES reservations,
    quantity bigint NOT NULL CONSTRAINT returns_quantity_check CHECK (quantity BETWEEN 1 AND 9007199254740991),
    created_at timestamptz NOT NULL DEFAULT statement_timestamp()
);
-- reservations/get, reservations/list_of, reservations/list_after
CREATE INDEX returns_purchase_id_idx ON returns (purchase_id);
COMMENT ON TABLE returns IS 'Stock that refunds of the main database gave back, each once.';
COMMENT ON COLUMN returns.refund_id IS 'refunds.transfer_id in the main database.';
COMMENT ON COLUMN returns.quantity IS 'Quantity that went back to stock. Its reservation stays confirmed.';
