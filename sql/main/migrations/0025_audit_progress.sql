-- The time of an audit's last progress, so that one that stands still is noticed. The release before does not set it.

ALTER TABLE audit_passes ADD COLUMN progressed_at timestamptz;
COMMENT ON COLUMN audit_passes.progressed_at IS 'When the progress was last stored. Null: no slice was read.';
