"""Posts: what users write, public to read."""

from dataclasses import dataclass
from datetime import datetime

from repositories.postgres.keyset import Position
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/posts/insert")
GET = statement("main/posts/get")
LOCK = statement("main/posts/lock")
LIST = statement("main/posts/list")
LIST_BY_AUTHOR = statement("main/posts/list_by_author")
SEARCH = statement("main/posts/search")
UPDATE = statement("main/posts/update")
DELETE = statement("main/posts/delete")
DELETE_BY_AUTHOR = statement("main/posts/delete_by_author")


@dataclass(frozen=True)
class Post:
    """A post with its author's name, from one query."""

    id: int
    author_id: int
    author_username: str
    title: str
    content: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Edition:
    """What an update made of a post."""

    version: int
    updated_at: datetime


class PostRepository:
    """The posts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, author_id: int, title: str, content: str) -> Post | None:
        """Write a post; None for an author who has left."""
        return await INSERT.maybe(self._connection, Post, author_id=author_id, title=title, content=content)

    async def get(self, *, id: int) -> Post | None:
        """Return the post, or None."""
        return await GET.maybe(self._connection, Post, id=id)

    async def lock(self, *, id: int) -> Post | None:
        """Lock the post until the unit of work ends, to change or delete it."""
        return await LOCK.maybe(self._connection, Post, id=id)

    async def list(self, *, author_id: int | None, query: str | None, before: Position, limit: int) -> list[Post]:
        """Return posts, newest first: of one author, with the words of a query, or all."""
        page = {"before_time": before.time, "before_id": before.id, "limit": limit}
        if query is not None:
            return await SEARCH.all(self._connection, Post, query=query, author_id=author_id, **page)
        if author_id is not None:
            return await LIST_BY_AUTHOR.all(self._connection, Post, author_id=author_id, **page)
        return await LIST.all(self._connection, Post, **page)

    async def update(self, *, id: int, title: str, content: str) -> Edition:
        """Change a locked post."""
        return await UPDATE.one(self._connection, Edition, id=id, title=title, content=content)

    async def delete(self, *, id: int) -> None:
        """Delete a locked post."""
        await DELETE.run(self._connection, id=id)

    async def delete_by_author(self, *, author_id: int) -> None:
        """Delete all posts of a user who leaves."""
        await DELETE_BY_AUTHOR.run(self._connection, author_id=author_id)
