-- List one author's posts, newest first.
--
-- $1 author_id    bigint       users.id
-- $2 before_time  timestamptz  keyset: posts.created_at of the last row seen
-- $3 before_id    bigint       keyset: posts.id of that row
-- $4 limit        bigint       rows at most
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          a page of rows
-- Index    posts_author_id_idx, users_pkey
-- Locks    posts, users AccessShareLock
SELECT /* main/posts/list_by_author */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE posts.author_id = $1::bigint
    AND (posts.created_at, posts.id) < ($2::timestamptz, $3::bigint)
    AND users.deleted_at IS NULL
ORDER BY posts.created_at DESC, posts.id DESC
LIMIT $4::bigint;
