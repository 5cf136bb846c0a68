-- Register a user. A name or e-mail that is taken is decided by users_username_key and users_email_key.
--
-- $1 username      text  NFKC
-- $2 username_key  text  folded
-- $3 email         text  null for an operator without one
-- $4 email_key     text  folded
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row
-- Index    none
-- Locks    users RowExclusiveLock
INSERT /* main/users/insert */ INTO users (username, username_key, email, email_key)
VALUES ($1::text, $2::text, $3::text, $4::text)
RETURNING id, username, email, role, version, created_at;
