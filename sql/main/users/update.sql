-- Update the username and e-mail of a user, locked by this unit of work.
--
-- $1 id            bigint  users.id
-- $2 username      text    NFKC
-- $3 username_key  text    folded
-- $4 email         text    null: no e-mail
-- $5 email_key     text    folded
--
-- Returns  id bigint, username text, email text, role text, version bigint, created_at timestamptz;
--          one row
-- Index    users_pkey
-- Locks    users RowExclusiveLock
UPDATE /* main/users/update */ users
SET
    username = $2::text,
    username_key = $3::text,
    email = $4::text,
    email_key = $5::text,
    version = version + 1
WHERE id = $1::bigint
RETURNING id, username, email, role, version, created_at;
