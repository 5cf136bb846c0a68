-- Register a user. The constraints users_username_key and users_email_key refuse a taken username or e-mail.
--
-- $1 username      text  NFKC
-- $2 username_key  text  folded
-- $3 email         text  null: no e-mail (operators)
-- $4 email_key     text  folded
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row
-- Index    none
-- Locks    users RowExclusiveLock
INSERT /* main/users/insert */ INTO users (username, username_key, email, email_key)
VALUES ($1::text, $2::text, $3::text, $4::text)
RETURNING id, username, email, role, version, created_at;
