-- What sellers supplied: an audit compares it with the stock and the reservations.

-- Folio counts it for older products, in batches: an UPDATE of all products would keep sales waiting here.
ALTER TABLE products ADD COLUMN supplied bigint;
COMMENT ON COLUMN products.supplied IS
'Quantity that the seller supplied: the stock and what reservations took of it. Null until Folio has counted it, for a product that the release before this column inserted.';

-- The release before this column changes the stock without it, and may serve during the upgrade. Only a seller's change
-- sets updated_at.
CREATE FUNCTION count_supplied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.supplied := OLD.supplied + NEW.stock - OLD.stock;
    RETURN NEW;
END;
$$;
COMMENT ON FUNCTION count_supplied() IS 'Counts the stock that a seller supplies through the release before products.supplied.';
CREATE TRIGGER products_count_supplied BEFORE UPDATE OF stock ON products
FOR EACH ROW
WHEN (new.stock <> old.stock AND new.updated_at <> old.updated_at AND new.supplied = old.supplied)
EXECUTE FUNCTION count_supplied();
