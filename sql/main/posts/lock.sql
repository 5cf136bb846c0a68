-- Lock a post that this unit of work will change or delete.
--
-- $1 id  bigint  posts.id
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          at most one row
-- Index    posts_pkey, users_pkey
-- Locks    posts RowShareLock; its row FOR UPDATE; users AccessShareLock
SELECT /* main/posts/lock */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE posts.id = $1::bigint
FOR UPDATE OF posts;
