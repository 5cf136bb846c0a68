-- The first row of each account in the record of changes, and the foreign key of api_keys.issued_by.

-- The triggers of the migration before record changes that are made meanwhile, each later than that migration. An account
-- that was changed since has its first row from the state before that change.
INSERT INTO changes (at, kind, account_id, after)
SELECT
    began.applied_at, 'account_recorded', accounts.id,
    coalesce(
        earliest.before,
        jsonb_build_object('owner_id', accounts.owner_id, 'minimum', accounts.minimum, 'status', accounts.status)
    )
FROM accounts
JOIN schema_migrations AS began ON began.version = 20
LEFT JOIN LATERAL (
    SELECT changes.kind, changes.before
    FROM changes
    WHERE changes.account_id = accounts.id
    ORDER BY changes.at, changes.id
    LIMIT 1
) AS earliest ON TRUE
WHERE earliest.kind IS DISTINCT FROM 'account_opened';

ALTER TABLE api_keys VALIDATE CONSTRAINT api_keys_issued_by_fkey;
