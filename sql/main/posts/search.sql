-- List posts that match a search query, newest first. The query may contain quotes, OR and -; without a word that must
-- occur it matches nothing.
--
-- $1 query        text         as typed into a search box
-- $2 author_id    bigint       users.id; null: any author
-- $3 before_time  timestamptz  keyset: posts.created_at of the last row seen
-- $4 before_id    bigint       keyset: posts.id of that row
-- $5 limit        bigint       rows at most
--
-- Returns  id bigint, author_id bigint, author_username text, title text, content text, version bigint, created_at timestamptz, updated_at timestamptz;
--          a page of rows
-- Index    posts_search_idx, posts_created_at_idx, users_pkey
-- Locks    posts, users AccessShareLock
SELECT /* main/posts/search */
    posts.id, posts.author_id, users.username AS author_username, posts.title, posts.content, posts.version,
    posts.created_at, posts.updated_at
FROM posts
JOIN users ON users.id = posts.author_id
WHERE posts.search @@ search_query($1::text)
    AND ($2::bigint IS NULL OR posts.author_id = $2::bigint)
    AND (posts.created_at, posts.id) < ($3::timestamptz, $4::bigint)
    AND users.deleted_at IS NULL
ORDER BY posts.created_at DESC, posts.id DESC
LIMIT $5::bigint;
