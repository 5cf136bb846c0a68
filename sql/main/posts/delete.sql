-- Delete a post, locked by this unit of work.
--
-- $1 id  bigint  posts.id
--
-- Returns  none
-- Index    posts_pkey
-- Locks    posts RowExclusiveLock
DELETE /* main/posts/delete */ FROM posts
WHERE id = $1::bigint;
