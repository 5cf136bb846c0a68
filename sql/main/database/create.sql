-- Make the database that holds users, posts, accounts and the ledger, on a server of Folio's own.
--
-- $ none
--
-- Returns  none
-- Index    none
-- Locks    none
CREATE /* main/database/create */ DATABASE folio_main TEMPLATE template0 ENCODING 'UTF8';
