-- Update a post that this unit of work has locked.
--
-- $1 id       bigint  posts.id
-- $2 title    text
-- $3 content  text
--
-- Returns  version bigint, updated_at timestamptz;
--          one row
-- Index    posts_pkey
-- Locks    posts RowExclusiveLock
UPDATE /* main/posts/update */ posts
SET
    title = $2::text,
    content = $3::text,
    version = version + 1,
    updated_at = statement_timestamp()
WHERE id = $1::bigint
RETURNING version, updated_at;
