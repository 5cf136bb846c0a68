-- Delete a post that this unit of work has locked.
--
-- $1 id  bigint  posts.id
--
-- Returns  none
-- Index    posts_pkey
-- Locks    posts RowExclusiveLock
DELETE /* main/posts/delete */ FROM posts
WHERE id = $1::bigint;
