"""Users: who publishes, sells and pays."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from repositories.postgres.keyset import Position
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/users/insert")
GET = statement("main/users/get")
GET_BY_USERNAME = statement("main/users/get_by_username")
LIST = statement("main/users/list")
LOCK = statement("main/users/lock")
KEEP = statement("main/users/keep")
UPDATE = statement("main/users/update")
PROMOTE = statement("main/users/promote")
DELETE = statement("main/users/delete")
LIST_LEFT = statement("main/users/list_left")
SET_OFF_SALE = statement("main/users/set_off_sale")


@dataclass(frozen=True)
class User:
    """A user who has not left. `email` is None for an operator who was added without one."""

    id: int
    username: str
    email: str | None
    role: str
    version: int
    created_at: datetime


@dataclass(frozen=True)
class _Kept:
    id: int


class UserRepository:
    """The users of one connection. `*_key` arguments are the folded forms that are compared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, username: str, username_key: str, email: str | None, email_key: str | None) -> User:
        """Register a user; the constraints users_username_key and users_email_key refuse what is taken."""
        return await INSERT.one(
            self._connection, User, username=username, username_key=username_key, email=email, email_key=email_key
        )

    async def get(self, *, id: int) -> User | None:
        """Return the user, or None who never was or has left."""
        return await GET.maybe(self._connection, User, id=id)

    async def get_by_username(self, *, username_key: str) -> User | None:
        """Return the user of that name, or None."""
        return await GET_BY_USERNAME.maybe(self._connection, User, username_key=username_key)

    async def list(self, *, before: Position, limit: int) -> list[User]:
        """Return users who have not left, newest first."""
        return await LIST.all(self._connection, User, before_time=before.time, before_id=before.id, limit=limit)

    async def lock(self, *, id: int) -> User | None:
        """Lock the user until the unit of work ends; before any of their accounts."""
        return await LOCK.maybe(self._connection, User, id=id)

    async def keep(self, *, id: int) -> bool:
        """Keep the user from leaving until the unit of work ends; False who has left. Before any account is locked."""
        return await KEEP.maybe(self._connection, _Kept, id=id) is not None

    async def update(
        self, *, id: int, username: str, username_key: str, email: str | None, email_key: str | None
    ) -> User:
        """Change name and e-mail of a locked user; the constraints refuse what is taken."""
        return await UPDATE.one(
            self._connection,
            User,
            id=id,
            username=username,
            username_key=username_key,
            email=email,
            email_key=email_key,
        )

    async def promote(self, *, id: int) -> User | None:
        """Make the user an operator."""
        return await PROMOTE.maybe(self._connection, User, id=id)

    async def delete(self, *, id: int) -> None:
        """Let a locked user leave; their keys, accounts and posts are their repositories' to end."""
        await DELETE.run(self._connection, id=id)

    async def list_left(self, *, age: int, limit: int) -> builtins.list[int]:
        """Return the ids of users who left `age` seconds ago or earlier and may still have something on sale."""
        return await LIST_LEFT.values(self._connection, age=age, limit=limit)

    async def set_off_sale(self, *, ids: Iterable[int]) -> None:
        """Note that everything of users who left is off sale for good."""
        await SET_OFF_SALE.run(self._connection, ids=list(ids))
