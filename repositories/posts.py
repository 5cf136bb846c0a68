"""Posts: texts by users, public to read."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repositories.postgres.keyset import Keyset
from repositories.postgres.searching import can_match, limited
from repositories.postgres.statements import Connection, statement
from repositories.preconditions import Precondition
from repositories.refusals import Refusal

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

    @property
    def tag(self) -> str:
        """Return the ETag."""
        return tag(self.version, self.author_username)


def tag(version: int, author_username: str) -> str:
    """Return a post's ETag: it changes with the version and with the author's name, which the post shows."""
    name = hashlib.blake2b(author_username.encode(), digest_size=8).hexdigest()
    return f"{version}-{name}"


@dataclass(frozen=True)
class Edition:
    """The version and time that an update gave a post."""

    version: int
    updated_at: datetime


class PostRepository:
    """The posts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, author_id: int, title: str, content: str, quota: int) -> Post | None:
        """Write a post. Return None if the author has left, or has `quota` posts already."""
        return await INSERT.maybe(
            self._connection, Post, author_id=author_id, title=title, content=content, quota=quota
        )

    async def get(self, *, id: int) -> Post | None:
        """Return the post, or None."""
        return await GET.maybe(self._connection, Post, id=id)

    async def list(self, *, author_id: int | None, query: str | None, page: Keyset) -> list[Post]:
        """Return posts, newest first: of one author, with the words of a query, or all."""
        if query is not None:
            if not can_match(query):
                return []
            async with limited(self._connection):
                return await SEARCH.all(self._connection, Post, query=query, author_id=author_id, **page.arguments())
        if author_id is not None:
            return await LIST_BY_AUTHOR.all(self._connection, Post, author_id=author_id, **page.arguments())
        return await LIST.all(self._connection, Post, **page.arguments())

    async def change(
        self, *, id: int, author_id: int, changes: dict[str, Any], precondition: Precondition
    ) -> Post | Refusal:
        """Change title or content of the author's post. Locks the post."""
        post = await self._lock_own(id, author_id, precondition)
        if isinstance(post, Refusal):
            return post
        changed = replace(post, **changes)
        if changed == post:
            return post
        edition = await UPDATE.one(self._connection, Edition, id=id, title=changed.title, content=changed.content)
        return replace(changed, **vars(edition))

    async def delete(self, *, id: int, author_id: int, precondition: Precondition) -> Refusal | None:
        """Delete the author's post. Locks the post."""
        post = await self._lock_own(id, author_id, precondition)
        if isinstance(post, Refusal):
            return post
        await DELETE.run(self._connection, id=id)
        return None

    async def _lock_own(self, id: int, author_id: int, precondition: Precondition) -> Post | Refusal:
        """Lock a post of the author's; another author's is not locked. Ownership is judged before the precondition."""
        post = await LOCK.maybe(self._connection, Post, id=id, author_id=author_id)
        if post is None:
            if await self.get(id=id) is None:
                return Refusal("post_not_found", f"There is no post {id}.")
            return Refusal("not_owner", "Only its author may change a post.")
        return precondition.refusal(post.tag) or post

    async def delete_by_author(self, *, author_id: int, limit: int) -> int:
        """Delete at most `limit` posts of a user who left; return their number."""
        return (await DELETE_BY_AUTHOR.run(self._connection, author_id=author_id, limit=limit)).rowcount
