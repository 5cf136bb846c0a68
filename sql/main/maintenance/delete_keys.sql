-- Delete the Idempotency-Keys of a time, except those of the last 30 days. A request that is repeated after its key is
-- deleted is executed again. Run by the owner, from cron; Folio itself deletes no key.
--
-- $1 from_time  timestamptz  inclusive
-- $2 to_time    timestamptz  exclusive
--
-- Returns  none
-- Index    idempotency_keys_created_at_idx
-- Locks    idempotency_keys RowExclusiveLock
DELETE /* main/maintenance/delete_keys */ FROM idempotency_keys
WHERE created_at >= $1::timestamptz
    AND created_at < least($2::timestamptz, statement_timestamp() - interval '30 days');
