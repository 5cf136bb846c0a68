-- Make the database that holds products and their stock, on a server of Folio's own.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    none
CREATE /* catalog/database/create */ DATABASE folio_catalog TEMPLATE template0 ENCODING 'UTF8';
