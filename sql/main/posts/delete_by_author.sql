-- Delete all posts of a leaving user, locked by this unit of work.
--
-- $1 author_id  bigint  users.id
--
-- Returns  none
-- Index    posts_author_id_idx
-- Locks    posts RowExclusiveLock
DELETE /* main/posts/delete_by_author */ FROM posts
WHERE author_id = $1::bigint;
