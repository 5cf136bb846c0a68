"""Keyed units of work: the answer under an Idempotency-Key is stored with its effect, and replayed when repeated.

Every keyed function of the ledger says the same four things in this order: lock, look for the key, judge, write. The
key is looked for in a statement of its own after the locks are held, so that a request which waited for a lock sees the
key of the request it waited for. It is stored before COMMIT, so that key and effect are committed together or not at
all.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from repositories.idempotency_keys import IdempotencyKeyRepository, Key, KeyId, KeyReused, StoredKey
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection
from repositories.posts import PostRepository
from repositories.purchases import PurchaseRepository
from repositories.refusals import USER_LEFT, Refusal, problem_type
from repositories.transfers import ShownTransfer, TransferRepository
from repositories.users import UserRepository

Result = TypeVar("Result")
Inserted = TypeVar("Inserted", bound="Identified")
ToAnswer = Callable[[Result], dict[str, Any] | None]
"""Turns a result into the JSON value of its answer: the only code from above that runs inside a unit of work.

None if a repeat reads the result again.
"""


class Identified(Protocol):
    """A row with an id."""

    @property
    def id(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class StoredAnswer:
    """The answer that an earlier request under the same key got, as it was sent."""

    body: dict[str, Any]


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """The result of a keyed unit of work. `replayed` is True if an earlier request under the key got it first."""

    result: Result | Refusal | StoredAnswer
    replayed: bool = False


Keyed = Callable[[Connection], Awaitable[Outcome[Result]]]
"""A keyed function of the ledger, for one request."""


async def replay(connection: Connection, key: Key | None) -> Outcome[Any] | None:
    """Return the outcome stored under the key, or None for a new request. Raises KeyReused for another request's key.

    Posts and purchases are shown as they are now, everything else is answered as it was first.
    """
    stored = None if key is None else await IdempotencyKeyRepository(connection).find(key=key)
    return None if stored is None else Outcome(await _stored_result(connection, stored), replayed=True)


async def replay_each(
    connection: Connection, keys: Iterable[Key], stored: Mapping[KeyId, StoredKey]
) -> list[Outcome[Any] | Exception]:
    """Return the outcomes under stored keys as `replay` does; KeyReused is returned, since it concerns one key."""
    results: dict[KeyId, Any] = {}
    outcomes: list[Outcome[Any] | Exception] = []
    for key in keys:
        try:
            stored[key.id].judge(key)
        except KeyReused as error:
            outcomes.append(error)
            continue
        if key.id not in results:
            results[key.id] = await _stored_result(connection, stored[key.id])
        outcomes.append(Outcome(results[key.id], replayed=True))
    return outcomes


def to_store(key: Key, result: ShownTransfer | Refusal) -> StoredKey:
    """Return a key as it is stored with a transfer or a refusal."""
    if isinstance(result, Refusal):
        answer = result.members() | {"type": problem_type(result.code), "request_id": key.request_id}
        return StoredKey(key.request_hash, "refusal", None, None, answer)
    return StoredKey(key.request_hash, "transfer", result.transfer.id, result.account_ids, None)


async def refuse(connection: Connection, key: Key | None, refusal: Refusal) -> Outcome[Any]:
    """Store a refusal that was decided under the locks, and return it."""
    if key is not None and refusal.stored:
        stored = to_store(key, refusal)
        await IdempotencyKeyRepository(connection).insert(
            key=key, kind=stored.kind, resource_id=None, answer=stored.answer
        )
    return Outcome(refusal)


async def store(
    connection: Connection, key: Key | None, *, kind: str, id: int | None, result: Result, to_answer: ToAnswer[Result]
) -> Outcome[Result]:
    """Store the answer of a result under its key, and return the result."""
    if key is not None:
        answer = to_answer(result)
        await IdempotencyKeyRepository(connection).insert(key=key, kind=kind, resource_id=id, answer=answer)
    return Outcome(result)


async def store_text(connection: Connection, key: Key, *, kind: str, text: str) -> Outcome[str]:
    """Store an answer that is JSON text already, and return it."""
    await IdempotencyKeyRepository(connection).insert_text(key=key, kind=kind, resource_id=None, text=text)
    return Outcome(text)


async def insert_keyed(
    connection: Connection,
    *,
    user_id: int,
    key: Key | None,
    kind: str,
    insert: Callable[[Connection], Awaitable[Inserted | None]],
    no_room: Refusal,
    to_answer: ToAnswer[Inserted],
) -> Outcome[Inserted]:
    """Insert a row that needs no lock, once for each key.

    `insert` returns None if the owner has left, or has no room for one more: then the outcome is `no_room`.
    """
    if (earlier := await replay(connection, key)) is not None:
        return earlier
    row = await insert(connection)
    if row is None:
        return Outcome(no_room if await UserRepository(connection).keep(id=user_id) else USER_LEFT)
    return await store(connection, key, kind=kind, id=row.id, result=row, to_answer=to_answer)


async def run_keyed(
    checkout: Checkout,
    function: Keyed[Result],
    *,
    key: Key | None,
    step: str = "",
    final: bool = True,
) -> Outcome[Result]:
    """Run a keyed function as one unit of work, and again under its key if its COMMIT is not confirmed."""
    latest: Outcome[Result] | None = None

    async def attempt(connection: Connection) -> Outcome[Result]:
        nonlocal latest
        latest = await function(connection)
        return latest

    async def again(connection: Connection) -> Outcome[Result]:
        assert latest is not None  # noqa: S101 - its COMMIT was lost
        return await _run_again(function, connection, latest)

    return await unit_of_work.run(checkout, attempt, step=step, recover=None if key is None else again, final=final)


async def run_keyed_again(checkout: Checkout, function: Keyed[Result], *, first: Outcome[Result]) -> Outcome[Result]:
    """Run a keyed function again, if `first` was its outcome and the COMMIT of that was lost."""
    return await unit_of_work.run_again(checkout, partial(_run_again, function, first=first))


async def _run_again(function: Keyed[Result], connection: Connection, first: Outcome[Result]) -> Outcome[Result]:
    """Run a function whose first run may be committed: the answer that it stored then is not a replay."""
    return replace(await function(connection), replayed=first.replayed)


async def _stored_result(connection: Connection, stored: StoredKey) -> Any:
    if stored.kind == "refusal":
        return Refusal.stored_as(stored.answer)
    if stored.kind == "transfer" and stored.resource_id is not None:
        transfer = await TransferRepository(connection).get(id=stored.resource_id)
        assert transfer is not None  # noqa: S101 - the ledger is append-only
        return ShownTransfer(replace(transfer, reversed_amount=0), stored.shown_account_ids or [])
    if stored.kind == "purchase" and stored.resource_id is not None:
        return await PurchaseRepository(connection).get(id=stored.resource_id)
    if stored.kind == "post" and stored.resource_id is not None:
        post = await PostRepository(connection).get(id=stored.resource_id)
        return post or Refusal("post_not_found", f"There is no post {stored.resource_id} any more.")
    return StoredAnswer(stored.answer)
