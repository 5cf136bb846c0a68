"""API keys: 256 random bits behind a readable prefix, shown once, stored as their SHA-256."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from repositories.changes import ChangeRepository, State, Subject
from repositories.postgres.keyset import Keyset
from repositories.postgres.statements import Connection, statement
from repositories.users import User, UserRepository

INSERT = statement("main/api_keys/insert")
FIND = statement("main/api_keys/find")
AUTHENTICATE = statement("main/api_keys/authenticate")
AUTHENTICATE_MANY = statement("main/api_keys/authenticate_many")
LIST = statement("main/api_keys/list")
REVOKE = statement("main/api_keys/revoke")
REVOKE_ALL = statement("main/api_keys/revoke_all")

PREFIX = "folio_"
FORM = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
"""The form of every key: anything else is no key, and needs no look-up."""


@dataclass(frozen=True)
class ApiKey:
    """A key that is not revoked, without its secret.

    `expires_at` is None if it never expires; `issued_by` is None if the command line or an earlier release issued it.
    """

    id: int
    name: str
    read_only: bool
    created_at: datetime
    expires_at: datetime | None
    issued_by: int | None


@dataclass(frozen=True)
class RevokedKey:
    """A key that was just revoked."""

    id: int
    read_only: bool
    expires_at: datetime | None


class Owned(Protocol):
    """A row that one user or several own."""

    @property
    def owner_ids(self) -> frozenset[int]:
        """Return the owners: the users that may see the row."""


@dataclass(frozen=True)
class Caller:
    """The user whose API key came with a request. `expires_at` is None if that key never expires."""

    user_id: int
    role: str
    read_only: bool
    expires_at: datetime | None = None

    @property
    def operator(self) -> bool:
        """Return True if the caller is an operator. Operators read all rows."""
        return self.role == "operator"

    def may_see(self, row: Owned) -> bool:
        """Return True if the row is the caller's, or the caller is an operator."""
        return self.operator or self.user_id in row.owner_ids

    def may_read(self, writer_id: int | None) -> bool:
        """Return True if the caller may read a reference or metadata that this user wrote."""
        return self.operator or self.user_id == writer_id

    @property
    def reads(self) -> int | None:
        """Return the user whose rows the caller's lists show; None means all users."""
        return None if self.operator else self.user_id


class ApiKeyRepository:
    """The API keys of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def issue(
        self,
        *,
        user_id: int,
        name: str,
        secret: str,
        issued_by: int | None,
        read_only: bool = False,
        expires_at: datetime | None = None,
        quota: int | None = None,
    ) -> ApiKey | None:
        """Issue a key with this secret, which is not stored; record it unless it is the user's own doing.

        `issued_by` is None for the command line. Return None if the user has left, or has `quota` keys already that are
        not revoked.
        """
        key = await INSERT.maybe(
            self._connection,
            ApiKey,
            user_id=user_id,
            name=name,
            digest=digest(secret),
            read_only=read_only,
            expires_at=expires_at,
            issued_by=issued_by,
            quota=quota,
        )
        if key is not None and issued_by != user_id:
            subject = Subject(None, _permissions(key), user_id=user_id, api_key_id=key.id)
            await ChangeRepository(self._connection).insert("key_issued", [subject], changed_by=issued_by)
        return key

    async def find(self, *, secret: str) -> ApiKey | None:
        """Return the key with this secret, or None."""
        return await FIND.maybe(self._connection, ApiKey, digest=digest(secret))

    async def authenticate(self, *, digest: bytes) -> Caller | None:
        """Return the owner of a key, or None if the key is unknown, revoked or expired."""
        return await AUTHENTICATE.maybe(self._connection, Caller, digest=digest)

    async def authenticate_many(self, *, digests: Sequence[bytes]) -> dict[bytes, Caller]:
        """Return the owners of the keys among these that `authenticate` finds, by digest."""
        rows = await AUTHENTICATE_MANY.dicts(self._connection, digests=[*digests])
        return {row.pop("digest"): Caller(**row) for row in rows}

    async def list(self, *, user_id: int, page: Keyset) -> list[ApiKey]:
        """Return the user's keys that are not revoked, newest first."""
        return await LIST.all(self._connection, ApiKey, user_id=user_id, **page.arguments())

    async def revoke(self, *, user_id: int, id: int) -> int | None:
        """Revoke a key of the user; return its id, or None if the user has no such key."""
        ids = await REVOKE.values(self._connection, user_id=user_id, id=id)
        return ids[0] if ids else None

    async def revoke_all(self, *, user_id: int, revoked_by: int) -> None:
        """Revoke every key of the user; record it unless it is the user's own doing."""
        keys = await REVOKE_ALL.all(self._connection, RevokedKey, user_id=user_id)
        if revoked_by != user_id:
            subjects = [Subject(_permissions(key), None, user_id=user_id, api_key_id=key.id) for key in keys]
            await ChangeRepository(self._connection).insert("key_revoked", subjects, changed_by=revoked_by)


def new_secret() -> str:
    """Return the secret of a key to be issued."""
    return PREFIX + secrets.token_urlsafe(32)


async def register(connection: Connection, *, username: str, email: str, secret: str) -> User:
    """Register a user with a first key. The constraints of `UserRepository.insert` refuse a taken name or address."""
    user = await UserRepository(connection).insert(username=username, email=email)
    await ApiKeyRepository(connection).issue(user_id=user.id, name="first", secret=secret, issued_by=user.id)
    return user


async def find_registered(connection: Connection, *, secret: str) -> User | None:
    """Return the user whose key has this secret, or None: after a lost COMMIT of `register`, it tells the outcome."""
    caller = await ApiKeyRepository(connection).authenticate(digest=digest(secret))
    return None if caller is None else await UserRepository(connection).get(id=caller.user_id)


def _permissions(key: ApiKey | RevokedKey) -> State:
    """Return the key's members in the record of changes."""
    return {"read_only": key.read_only, "expires_at": key.expires_at and key.expires_at.isoformat()}


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a key, by which it is stored and looked up."""
    return hashlib.sha256(secret.encode()).digest()
