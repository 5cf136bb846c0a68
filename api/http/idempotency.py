"""The Idempotency-Key header: the same request under the same key is done once and answered alike.

The same request is the same method, path and parsed body: neither white space nor the order of members counts.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from api.http.problems import Problem
from repositories.api_keys import Caller
from repositories.idempotency_keys import IdempotencyKeyRepository, Kept, Key
from repositories.postgres import unit_of_work as units
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection
from repositories.refusals import Refusal

Made = TypeVar("Made")
Shown = TypeVar("Shown", bound=BaseModel)

KeyHeader = Header(
    alias="Idempotency-Key",
    min_length=1,
    max_length=255,
    description="a value of your own, new for each request that is not a repeat",
    examples=["3c1f9a52-0d0e-4c43-b2a7-5f7d0f6f9e11"],
)


class Idempotency:
    """The Idempotency-Key of a request, where it has one."""

    def __init__(self, request: Request, idempotency_key: Annotated[str | None, KeyHeader] = None) -> None:
        self._request = request
        self._header = idempotency_key

    def key(self, caller: Caller, body: BaseModel | None = None) -> Key | None:
        """Return the caller's key with the hash of this request."""
        if self._header is None:
            return None
        request = [self._request.method, self._request.url.path, body and body.model_dump(mode="json")]
        return Key(
            user_id=caller.user_id,
            key=self._header,
            request_hash=hashlib.sha256(json.dumps(request, sort_keys=True).encode()).digest(),
            request_id=self._request.state.request_id,
        )


class RequiredIdempotency(Idempotency):
    """The Idempotency-Key of a request that must have one."""

    def required(self, caller: Caller, body: BaseModel | None = None) -> Key:
        """Return the caller's key with the hash of this request."""
        key = self.key(caller, body)
        assert key is not None  # noqa: S101 - _required asked for it
        return key


def _required(request: Request, idempotency_key: Annotated[str | None, KeyHeader] = None) -> RequiredIdempotency:
    if idempotency_key is None:
        raise Problem("idempotency_key_missing", "Send an Idempotency-Key: what moves money must be safe to repeat.")
    return RequiredIdempotency(request, idempotency_key)


Optional = Annotated[Idempotency, Depends()]
Required = Annotated[RequiredIdempotency, Depends(_required)]


class Memory(Protocol[Made]):
    """How what was made is kept with its key, and what a repeat gets of it."""

    kind: str

    def keep(self, made: Made, /) -> tuple[int | None, object] | None:
        """Return the id of what was made and the answer to keep; None where it was written with its key."""

    async def recall(self, connection: Connection, kept: Kept, /) -> Made:
        """Return what was made."""


class AsAnswered(Generic[Shown]):
    """A repeat gets the resource as it was first answered."""

    def __init__(self, kind: str, model: type[Shown]) -> None:
        self.kind = kind
        self._model = model

    def keep(self, made: Shown, /) -> tuple[int | None, object]:
        """Keep the whole answer."""
        answer = made.model_dump(mode="json")
        return answer.get("id"), answer

    async def recall(self, _: Connection, kept: Kept, /) -> Shown:
        """Return the answer."""
        return self._model.model_validate(kept.answer)


async def _nothing(_: Connection) -> None:
    """Lock nothing: what is made stands alone."""


async def once(
    main: Checkout,
    response: Response,
    *,
    key: Key | None,
    memory: Memory[Made],
    make: Callable[[Connection, Any], Awaitable[Made | Refusal]],
    lock: Callable[[Connection], Awaitable[Any]] = _nothing,
    final: bool = True,
) -> Made:
    """Make a resource in a unit of work, or show what a repeat gets of it; the Problem of a refusal.

    `make` gets what `lock` returned. The key is looked for between the two. Not `final`: the answer waits for more.
    """
    run = _Once(key, memory, make, lock)
    outcome = await units.run(main, run.work, keyed=key is not None, final=final)
    return _answer(outcome, response, replayed=run.replayed)


async def repeated(main: Checkout, response: Response, *, key: Key, memory: Memory[Made]) -> Made | None:
    """Show what a repeat gets, without any lock; None where the request is none; the Problem of a refusal."""
    outcome = await _earlier(main.connection, key, memory)
    return None if outcome is None else _answer(outcome, response, replayed=True)


def _answer(outcome: Made | Refusal, response: Response, *, replayed: bool) -> Made:
    mark(response, replayed=replayed)
    if isinstance(outcome, Refusal):
        raise refuse(outcome, response)
    return outcome


def mark(response: Response, *, replayed: bool) -> None:
    """Say whether an answer was given before."""
    del response.headers["Idempotency-Replayed"]
    if replayed:
        response.headers["Idempotency-Replayed"] = "true"


def is_replay(response: Response) -> bool:
    """Tell whether an answer was given before."""
    return "Idempotency-Replayed" in response.headers


def refuse(refusal: Refusal, response: Response) -> Problem:
    """Return the problem of a refusal, with the headers that the response has by now."""
    members = refusal.members()
    return Problem(members.pop("code"), members.pop("detail"), headers=dict(response.headers), **members)


class _Once(Generic[Made]):
    """The work of `once`, which may be run again after a COMMIT that was not confirmed."""

    def __init__(
        self,
        key: Key | None,
        memory: Memory[Made],
        make: Callable[[Connection, Any], Awaitable[Made | Refusal]],
        lock: Callable[[Connection], Awaitable[Any]],
    ) -> None:
        self.replayed = False
        """Whether another request was answered under the key, and not an earlier run of this one."""
        self._kept = False
        self._key, self._memory, self._make, self._lock = key, memory, make, lock

    async def work(self, connection: Connection) -> Made | Refusal:
        """Lock, look for the key, make, and keep what was made with the key."""
        locked = await self._lock(connection)
        key = self._key
        if key is None:
            return await self._make(connection, locked)
        if (before := await _earlier(connection, key, self._memory)) is not None:
            self.replayed = not self._kept
            return before
        made = await self._make(connection, locked)
        keys = IdempotencyKeyRepository(connection)
        if isinstance(made, Refusal):
            if made.decided:
                answer = made.members() | {"request_id": key.request_id}
                await keys.insert(key=key, kind="refusal", resource_id=None, answer=answer)
        elif (kept := self._memory.keep(made)) is not None:
            await keys.insert(key=key, kind=self._memory.kind, resource_id=kept[0], answer=kept[1])
        self._kept = True
        return made


async def _earlier(connection: Connection, key: Key, memory: Memory[Made]) -> Made | Refusal | None:
    """Return what a repeat gets, or None where the request is none; KeyReused for another request's key."""
    kept = await IdempotencyKeyRepository(connection).find(key=key)
    if kept is None:
        return None
    return Refusal(**kept.answer) if kept.kind == "refusal" else await memory.recall(connection, kept)
