-- Create the database for products and stock, on Folio's embedded server.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    none
CREATE /* catalog/database/create */ DATABASE folio_catalog TEMPLATE template0 ENCODING 'UTF8';
