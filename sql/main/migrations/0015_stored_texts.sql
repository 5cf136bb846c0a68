-- Answers stored under Idempotency-Keys keep no text that a user may later delete: a repeat shows the post as it is then,
-- and takes the name of an account from the request. Descriptions of holds and transfers belong to the ledger and stay.

UPDATE idempotency_keys
SET answer = json_build_object('id', answer -> 'id', 'version', answer -> 'version')
WHERE kind = 'post';

-- The order of the members is kept: it is that of the first answer.
UPDATE idempotency_keys
SET
    answer = json_build_object(
        'id', answer -> 'id',
        'owner_id', answer -> 'owner_id',
        'name', NULL,
        'currency', answer -> 'currency',
        'balance', answer -> 'balance',
        'held', answer -> 'held',
        'available', answer -> 'available',
        'minimum', answer -> 'minimum',
        'status', answer -> 'status',
        'version', answer -> 'version',
        'created_at', answer -> 'created_at'
    )
WHERE kind = 'account';

COMMENT ON COLUMN idempotency_keys.answer IS
'The resource as first answered, without texts of posts and names of accounts, or the refusal. Null for a transfer, whose receipt never changes.';
