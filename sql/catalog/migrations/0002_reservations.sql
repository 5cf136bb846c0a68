-- Reservations: stock that purchases of the main database have taken.

CREATE TABLE reservations (
    purchase_id bigint CONSTRAINT reservations_pkey PRIMARY KEY,
    product_id bigint NOT NULL CONSTRAINT reservations_product_id_fkey REFERENCES products,
    quantity bigint NOT NULL CONSTRAINT reservations_quantity_check CHECK (quantity BETWEEN 1 AND 9007199254740991),
    status text NOT NULL
    CONSTRAINT reservations_status_check CHECK (status IN ('reserved', 'refused', 'confirmed', 'released')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE reservations IS 'At most one reservation for each purchase. A worker that finds one leaves its product and quantity as they are.';
COMMENT ON COLUMN reservations.purchase_id IS 'purchases.id in the main database.';
COMMENT ON COLUMN reservations.status IS
'reserved: taken from the stock, undecided; refused: out of stock; confirmed: sold; released: back in the stock, or never taken (a tombstone, which stops a late reservation).';
