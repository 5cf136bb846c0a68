-- Fill the column search again in rows that PostgreSQL's own parser split otherwise. It locks these rows until it is done
-- (they can be read, but not changed), and no table.

UPDATE posts
SET search = search_words(title || ' ' || content)
WHERE search <> search_words(title || ' ' || content);
