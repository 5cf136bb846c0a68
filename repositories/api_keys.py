"""API keys: 256 random bits behind a readable prefix, shown once, kept as their SHA-256."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement
from repositories.users import User, UserRepository

INSERT = statement("main/api_keys/insert")
AUTHENTICATE = statement("main/api_keys/authenticate")
LIST = statement("main/api_keys/list")
REVOKE = statement("main/api_keys/revoke")
REVOKE_ALL = statement("main/api_keys/revoke_all")

PREFIX = "folio_"


@dataclass(frozen=True)
class ApiKey:
    """A key that is not revoked, without its secret. `expires_at` is None for never."""

    id: int
    name: str
    read_only: bool
    created_at: datetime
    expires_at: datetime | None


class Owned(Protocol):
    """A row that one user or several own."""

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the users who may see it."""


@dataclass(frozen=True)
class Caller:
    """Whose key a request came with."""

    user_id: int
    role: str
    read_only: bool

    @property
    def operator(self) -> bool:
        """Whether they read everything and help others."""
        return self.role == "operator"

    def may_see(self, row: "Owned") -> bool:
        """Return True if the row is the caller's, or the caller is an operator."""
        return self.operator or self.user_id in row.owner_ids

    @property
    def reads(self) -> int | None:
        """Whose rows their lists show: None for everybody's."""
        return None if self.operator else self.user_id


@dataclass(frozen=True)
class RevokedKey:
    """A key that was just revoked."""

    id: int


class ApiKeyRepository:
    """The API keys of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def issue(
        self,
        *,
        user_id: int,
        name: str,
        read_only: bool = False,
        expires_at: datetime | None = None,
        quota: int | None = None,
    ) -> tuple[ApiKey, str] | None:
        """Make a key and return it with its secret, which can be had only now.

        Return None if the user has left, or has `quota` keys already that are not revoked.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        key = await INSERT.maybe(
            self._connection,
            ApiKey,
            user_id=user_id,
            name=name,
            digest=_digest(secret),
            read_only=read_only,
            expires_at=expires_at,
            quota=quota,
        )
        return None if key is None else (key, secret)

    async def authenticate(self, *, secret: str) -> Caller | None:
        """Return whose key this is, or None where it is unknown, revoked or expired."""
        return await AUTHENTICATE.maybe(self._connection, Caller, digest=_digest(secret))

    async def list(self, *, user_id: int, page: Keyset) -> list[ApiKey]:
        """Return the user's keys that are not revoked, newest first."""
        return await LIST.all(self._connection, ApiKey, user_id=user_id, **page.arguments())

    async def revoke(self, *, user_id: int, id: int) -> RevokedKey | None:
        """Revoke a key of the user, in force with the commit; return None if there is none to revoke."""
        return await REVOKE.maybe(self._connection, RevokedKey, user_id=user_id, id=id)

    async def revoke_all(self, *, user_id: int) -> None:
        """Revoke every key of the user."""
        await REVOKE_ALL.run(self._connection, user_id=user_id)


async def register(connection: Connection, *, username: str, email: str) -> tuple[User, str]:
    """Register a user with their first key, and return both. The constraints refuse a taken name or address."""
    user = await UserRepository(connection).insert(username=username, email=email)
    issued = await ApiKeyRepository(connection).issue(user_id=user.id, name="first")
    assert issued is not None  # noqa: S101 - this unit of work inserted the user
    return user, issued[1]


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
