-- List posts with their authors' names, newest first.
--
-- $1 before_time  timestamptz  keyset: posts.created_at of the last row seen
-- $2 before_id    bigint       keyset: posts.id of that row
-- $3 limit        bigint       rows at most
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          a page of rows
-- Index    posts_created_at_idx, users_pkey
-- Locks    posts, users AccessShareLock
SELECT /* main/posts/list */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE (posts.created_at, posts.id) < ($1::timestamptz, $2::bigint)
    AND users.deleted_at IS NULL
ORDER BY posts.created_at DESC, posts.id DESC
LIMIT $3::bigint;
