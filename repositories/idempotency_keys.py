"""Idempotency keys: the first answer under each key, committed in the same transaction as its effect."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from repositories.postgres.statements import Connection, statement

FIND = statement("main/idempotency_keys/find")
FIND_MANY = statement("main/idempotency_keys/find_many")
INSERT = statement("main/idempotency_keys/insert")
INSERT_MANY = statement("main/idempotency_keys/insert_many")

KeyId = tuple[int, str]
"""The user's id and the key."""


@dataclass(frozen=True)
class Key:
    """The Idempotency-Key of a request. It belongs to one user."""

    user_id: int
    key: str
    request_hash: bytes
    """SHA-256 of the method, the path and the JSON value of the body."""
    request_id: str
    equal_hash: bytes | None = None
    """The hash of the same request written in another way: with no body, or with an empty object."""

    @property
    def id(self) -> KeyId:
        """Return the user's id and the key."""
        return self.user_id, self.key


@dataclass(frozen=True)
class StoredKey:
    """A key that was used, with the answer or the resource to build it from."""

    request_hash: bytes
    kind: str
    resource_id: int | None
    shown_account_ids: list[int] | None
    answer: Any

    def judge(self, key: Key) -> None:
        """Raise KeyReused if the key was stored for another request."""
        if self.request_hash not in {key.request_hash, key.equal_hash}:
            raise KeyReused


class KeyReused(Exception):
    """The Idempotency-Key was used for another request."""


class IdempotencyKeyRepository:
    """The idempotency keys of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find(self, *, key: Key) -> StoredKey | None:
        """Return the stored key, or None if it is new. Raises KeyReused if it was stored for another request.

        Call it after the locks of the unit of work are held: an earlier answer wins over any refusal.
        """
        stored = await FIND.maybe(self._connection, StoredKey, user_id=key.user_id, key=key.key)
        if stored is not None:
            stored.judge(key)
        return stored

    async def find_many(self, *, ids: Iterable[KeyId]) -> dict[KeyId, StoredKey]:
        """Return the keys that are stored, as `find` does, but judge none."""
        user_ids, keys = zip(*ids, strict=True)
        rows = await FIND_MANY.dicts(self._connection, user_ids=list(user_ids), keys=list(keys))
        return {(row.pop("user_id"), row.pop("key")): StoredKey(**row) for row in rows}

    async def insert(self, *, key: Key, kind: str, resource_id: int | None, answer: object) -> None:
        """Store an answer; idempotency_keys_pkey refuses a key that another transaction has just stored."""
        await self.insert_text(key=key, kind=kind, resource_id=resource_id, text=json.dumps(answer))

    async def insert_text(self, *, key: Key, kind: str, resource_id: int | None, text: str) -> None:
        """Store an answer that is JSON text already, as `insert` does."""
        await INSERT.run(
            self._connection,
            user_id=key.user_id,
            key=key.key,
            request_hash=key.request_hash,
            kind=kind,
            resource_id=resource_id,
            answer=text,
        )

    async def insert_many(self, *, keys: Mapping[KeyId, StoredKey]) -> None:
        """Store many answers, as `insert` does, in the order of the keys."""
        user_ids, texts = zip(*keys, strict=True)
        rows = keys.values()
        shown = [row.shown_account_ids for row in rows]
        await INSERT_MANY.run(
            self._connection,
            user_ids=list(user_ids),
            keys=list(texts),
            request_hashes=[row.request_hash for row in rows],
            kinds=[row.kind for row in rows],
            resource_ids=[row.resource_id for row in rows],
            shown_account_ids=[None if ids is None else f"{{{','.join(map(str, ids))}}}" for ids in shown],
            answers=[None if row.answer is None else json.dumps(row.answer) for row in rows],
        )
