-- Create a post, unless its author has left or has as many posts as allowed. The count ends there.
--
-- $1 author_id  bigint  users.id
-- $2 title      text
-- $3 content    text
-- $4 quota      bigint  most posts of a user
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          one row; none if the author has left or has no room
-- Index    users_pkey, posts_author_id_idx
-- Locks    users RowShareLock; its row FOR SHARE; posts AccessShareLock, RowExclusiveLock
WITH /* main/posts/insert */ author AS MATERIALIZED (
    SELECT id, username
    FROM users
    WHERE id = $1::bigint
        AND deleted_at IS NULL
        AND (
            SELECT count(*)
            FROM (
                SELECT id
                FROM posts
                WHERE author_id = $1::bigint
                ORDER BY created_at
                LIMIT $4::bigint
            ) AS written
        ) < $4::bigint
    FOR SHARE
),
post AS (
    INSERT INTO posts (author_id, title, content)
    SELECT author.id, $2::text, $3::text
    FROM author
    RETURNING id, author_id, title, content, version, created_at, updated_at
)
SELECT
    post.id, post.author_id, author.username AS author_username, post.title, post.content, post.version,
    post.created_at, post.updated_at
FROM post
JOIN author ON author.id = post.author_id;
