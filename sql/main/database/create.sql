-- Create the database for users, posts, accounts and the ledger, on Folio's embedded server.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    none
CREATE /* main/database/create */ DATABASE folio_main TEMPLATE template0 ENCODING 'UTF8';
