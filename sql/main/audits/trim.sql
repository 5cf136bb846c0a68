-- Delete all audits but the last hundred.
--
-- $ none
--
-- Returns  none
-- Index    audits_finished_at_idx
-- Locks    audits AccessShareLock, RowExclusiveLock
DELETE /* main/audits/trim */ FROM audits
WHERE
    finished_at < (
        SELECT kept.finished_at
        FROM audits AS kept
        ORDER BY kept.finished_at DESC, kept.id DESC
        LIMIT 1 OFFSET 99
    );
