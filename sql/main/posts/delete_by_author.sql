-- Delete some posts of a user that has left.
--
-- $1 author_id  bigint  users.id
-- $2 limit      bigint  posts to delete
--
-- Returns  none
-- Index    posts_author_id_idx, posts_pkey
-- Locks    posts AccessShareLock, RowShareLock, RowExclusiveLock; its rows FOR UPDATE, by id
WITH /* main/posts/delete_by_author */ batch AS MATERIALIZED (
    SELECT id
    FROM posts
    WHERE author_id = $1::bigint
    ORDER BY created_at, id
    LIMIT $2::bigint
),
locked AS MATERIALIZED (
    SELECT id
    FROM posts
    WHERE id IN (SELECT id FROM batch)
    ORDER BY id
    FOR UPDATE
)
DELETE FROM posts
USING locked
WHERE posts.id = locked.id;
