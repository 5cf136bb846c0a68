-- Lock a post of an author, which this unit of work will change or delete.
--
-- $1 id         bigint  posts.id
-- $2 author_id  bigint  users.id
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          one row; none if there is no such post or it is another author's
-- Index    posts_pkey, users_pkey
-- Locks    posts RowShareLock; its row FOR UPDATE; users AccessShareLock
SELECT /* main/posts/lock */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE posts.id = $1::bigint
    AND posts.author_id = $2::bigint
FOR UPDATE OF posts;
