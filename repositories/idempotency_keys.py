"""Idempotency keys: what was answered under which key, committed in the same transaction as what it did."""

import json
from dataclasses import dataclass
from typing import Any

from repositories.postgres.statements import Connection, statement

FIND = statement("main/idempotency_keys/find")
INSERT = statement("main/idempotency_keys/insert")


@dataclass(frozen=True)
class Key:
    """A user's key, and the request that came with it."""

    user_id: int
    key: str
    request_hash: bytes
    """SHA-256 of method, path and parsed body."""
    request_id: str


@dataclass(frozen=True)
class Kept:
    """The first answer under a key. `answer` is None for a transfer, whose receipt never changes."""

    request_hash: bytes
    kind: str
    resource_id: int | None
    shown_account_ids: list[int] | None
    answer: Any


class KeyReused(Exception):
    """Another request was answered under this key."""


class IdempotencyKeyRepository:
    """The idempotency keys of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, *, key: Key) -> Kept | None:
        """Return what the same request was answered before; KeyReused where it was another request.

        A unit of work that locks looks only after its locks are held: an earlier answer wins over any refusal.
        """
        found = await FIND.maybe(self._connection, Kept, user_id=key.user_id, key=key.key)
        if found is not None and found.request_hash != key.request_hash:
            raise KeyReused
        return found

    async def insert(self, *, key: Key, kind: str, resource_id: int | None, answer: object) -> None:
        """Keep an answer; a key that another transaction just took is refused by idempotency_keys_pkey."""
        await INSERT.run(
            self._connection,
            user_id=key.user_id,
            key=key.key,
            request_hash=key.request_hash,
            kind=kind,
            resource_id=resource_id,
            answer=json.dumps(answer),
        )
