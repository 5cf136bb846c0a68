-- What was answered under which key, committed together with what it did.

CREATE TABLE idempotency_keys (
    user_id bigint NOT NULL CONSTRAINT idempotency_keys_user_id_fkey REFERENCES users,
    key text NOT NULL CONSTRAINT idempotency_keys_key_check CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL
    CONSTRAINT idempotency_keys_request_hash_check CHECK (octet_length(request_hash) = 32),
    kind text NOT NULL,
    resource_id bigint,
    shown_account_ids bigint[],
    answer json,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (user_id, key),
    CONSTRAINT idempotency_keys_answer_check CHECK (
        CASE kind
            WHEN 'refusal' THEN resource_id IS NULL AND answer IS NOT NULL
            WHEN 'transfer' THEN resource_id IS NOT NULL AND shown_account_ids IS NOT NULL
            ELSE resource_id IS NOT NULL AND answer IS NOT NULL
        END
    )
);
COMMENT ON TABLE idempotency_keys IS 'The first answer under each Idempotency-Key. Never expires.';
COMMENT ON COLUMN idempotency_keys.request_hash IS 'SHA-256 of method, path and parsed body: another request under the key is refused.';
COMMENT ON COLUMN idempotency_keys.kind IS 'transfer, account, post: what was made; refusal: why nothing was.';
COMMENT ON COLUMN idempotency_keys.resource_id IS 'The id of what was made, in the table that kind names.';
COMMENT ON COLUMN idempotency_keys.shown_account_ids IS 'Whose balances the answer showed: the accounts that were the caller''s own.';
COMMENT ON COLUMN idempotency_keys.answer IS 'The resource as first answered, or the refusal. Null for a transfer: its receipt never changes.';
