-- First answers under Idempotency-Keys. An answer commits in the transaction of the request that it answers.

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
            WHEN 'batch' THEN resource_id IS NULL AND answer IS NOT NULL
            WHEN 'product' THEN resource_id IS NULL AND answer IS NOT NULL
            WHEN 'transfer' THEN resource_id IS NOT NULL AND shown_account_ids IS NOT NULL
            ELSE resource_id IS NOT NULL AND answer IS NOT NULL
        END
    )
);
COMMENT ON TABLE idempotency_keys IS 'The first answer under each Idempotency-Key. Keys never expire.';
COMMENT ON COLUMN idempotency_keys.key IS 'As the client sent it in the header Idempotency-Key.';
COMMENT ON COLUMN idempotency_keys.request_hash IS 'SHA-256 of method, path and parsed body. A different request under the same key is refused.';
COMMENT ON COLUMN idempotency_keys.kind IS
'transfer, account, post, hold, purchase: the resource that the request made or changed; batch: results of a batch of transfers; product: the key is claimed for a product of the catalog; refusal: the request was refused.';
COMMENT ON COLUMN idempotency_keys.resource_id IS 'Id of the resource, in the table that kind names.';
COMMENT ON COLUMN idempotency_keys.shown_account_ids IS 'Accounts whose balances the answer showed: those that the caller owned.';
COMMENT ON COLUMN idempotency_keys.answer IS 'The resource as first answered, or the refusal. Null for a transfer, whose receipt never changes.';
