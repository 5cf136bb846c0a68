-- Read a post and its author's name.
--
-- $1 id  bigint  posts.id
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          at most one row
-- Index    posts_pkey, users_pkey
-- Locks    posts, users AccessShareLock
SELECT /* main/posts/get */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE posts.id = $1::bigint
    AND users.deleted_at IS NULL;
