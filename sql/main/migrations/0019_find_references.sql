-- Find transfers and purchases by reference. No row has a reference yet: each index is empty, and writes wait while the
-- table is read once for it.

-- squawk-ignore-file require-concurrent-index-creation

-- transfers/list_by_writer
CREATE INDEX transfers_reference_by_idx ON transfers (reference_by, reference, created_at, id)
WHERE reference IS NOT NULL;
-- transfers/list_by_reference
CREATE INDEX transfers_reference_idx ON transfers (reference, created_at, id)
WHERE reference IS NOT NULL;
-- purchases/list_by_writer
CREATE INDEX purchases_reference_by_idx ON purchases (buyer_id, reference, created_at, id)
WHERE reference IS NOT NULL;
-- purchases/list_by_reference
CREATE INDEX purchases_reference_idx ON purchases (reference, created_at, id)
WHERE reference IS NOT NULL;

ALTER TABLE transfers VALIDATE CONSTRAINT transfers_reference_check;
ALTER TABLE transfers VALIDATE CONSTRAINT transfers_reference_by_check;
ALTER TABLE transfers VALIDATE CONSTRAINT transfers_reference_by_fkey;
ALTER TABLE transfers VALIDATE CONSTRAINT transfers_metadata_check;
ALTER TABLE holds VALIDATE CONSTRAINT holds_reference_check;
ALTER TABLE holds VALIDATE CONSTRAINT holds_metadata_check;
ALTER TABLE purchases VALIDATE CONSTRAINT purchases_reference_check;
ALTER TABLE purchases VALIDATE CONSTRAINT purchases_metadata_check;
