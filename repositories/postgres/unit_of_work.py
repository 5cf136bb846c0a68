"""Units of work: BEGIN, the statements, COMMIT with its tag checked; ROLLBACK on everything else.

Rollback is the default and commit is explicit. A COMMIT under way is outlasted by cancellation, deadlines and
shutdown, up to a deadline of its own; one that is never confirmed is resolved by running the unit again under its
Idempotency-Key on a new connection, where the key tells what happened (TRAPS 1 to 5).
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Self, TypeVar

import anyio
import psycopg
from psycopg.errors import UniqueViolation

from repositories.postgres import deadlines, metrics
from repositories.postgres.connections import hang_up
from repositories.postgres.errors import RETRIED, DeadlineExceeded, Fault, OutcomeUnknown, RolledBack, fault, taken
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection

Result = TypeVar("Result")
Work = Callable[[Connection], Awaitable[Result]]

COMMIT_TIMEOUT = 3.0
"""Seconds for COMMIT to be confirmed: under statement_timeout, which fakes success while a standby is awaited."""
COMMIT_MINIMUM = 0.2
"""Seconds that must be left of a request for COMMIT to be sent at all."""
ROLLBACK_TIMEOUT = 1.0
RETRIES = 3
RETRY_PAUSE = 0.05
"""Seconds, at the most, before the first retry; twice as many before each further one."""
KEY_CONSTRAINT = "idempotency_keys_pkey"

_under_way: set[asyncio.Task[psycopg.AsyncCursor[psycopg.rows.TupleRow]]] = set()


_transfers: ContextVar[Counter[str]] = ContextVar("transfers")
"""What the present unit of work decided of transfers: how many were made, and how many refused, by code."""


def count_transfers(outcome: str, number: int = 1) -> None:
    """Count transfers by outcome, once the present unit of work is committed."""
    if (counted := _transfers.get(None)) is not None:
        counted[outcome] += number


class CommitLost(Exception):
    """The connection ended after COMMIT was sent and before it was confirmed."""


class UnitOfWork:
    """One transaction on one connection: commit it, or leaving the context rolls it back."""

    def __init__(self, connection: Connection, *, final: bool = True) -> None:
        self._connection = connection
        self._final = final
        self._ended = False
        self._transfers: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        self._token = _transfers.set(self._transfers)
        await self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", prepare=False)
        return self

    async def commit(self) -> None:
        """Send COMMIT and return when it is confirmed.

        RolledBack where the server answered ROLLBACK, CommitLost where it never answered, DeadlineExceeded where too
        little was left of the request to send it. A cancellation meanwhile is raised after the outcome is known.
        """
        limit = deadlines.remaining(COMMIT_TIMEOUT)
        if limit < COMMIT_MINIMUM:
            raise DeadlineExceeded
        self._ended = True
        task = asyncio.create_task(self._connection.execute("COMMIT", prepare=False))
        _under_way.add(task)
        task.add_done_callback(_under_way.discard)
        cancelled = await _outlast(task, limit)
        if not task.done():
            hang_up(self._connection)
            cancelled = await _outlast(task, COMMIT_TIMEOUT) or cancelled
        self._judge(task)
        if cancelled is not None:
            raise cancelled

    def _judge(self, task: "asyncio.Task[psycopg.AsyncCursor[psycopg.rows.TupleRow]]") -> None:
        deadline = deadlines.current()
        if not task.done() or (task.exception() is not None and self._connection.closed):
            if deadline is not None:
                deadline.outcome_unknown = True
            metrics.UNITS.labels("unknown").inc()
            raise CommitLost from (task.exception() if task.done() else None)
        if task.exception() is not None:
            metrics.UNITS.labels("rolled_back").inc()
        tag = task.result().statusmessage
        if tag != "COMMIT":
            metrics.UNITS.labels("rolled_back").inc()
            raise RolledBack(f"The database answered COMMIT with {tag}; nothing was written.")
        metrics.UNITS.labels("committed").inc()
        for outcome, number in self._transfers.items():
            metrics.TRANSFERS.labels(outcome).inc(number)
        if deadline is not None and self._final:
            deadline.committed = True

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _transfers.reset(self._token)
        if self._ended:
            return
        metrics.UNITS.labels("rolled_back").inc()
        if self._connection.closed:
            return
        try:
            async with asyncio.timeout(ROLLBACK_TIMEOUT):
                await self._connection.execute("ROLLBACK", prepare=False)
        except (psycopg.Error, TimeoutError):
            # The server ends the transaction of a connection that is gone.
            hang_up(self._connection)


async def run(checkout: Checkout, work: Work[Result], *, keyed: bool = False, final: bool = True) -> Result:
    """Run `work` as one unit of work on the connection of `checkout` and return its result once that is committed.

    `keyed` says that `work` finds what an unconfirmed COMMIT did, by an Idempotency-Key for instance, so that it may be
    run again. `final` says that the request's answer follows from it: no deadline takes that back. Raises Fault
    (OutcomeUnknown among them), Taken, and whatever `work` raises; after any of these but OutcomeUnknown nothing was
    written.
    """
    try:
        return await _retrying(checkout.connection, work, final)
    except CommitLost as lost:
        if not keyed:
            raise OutcomeUnknown from lost
    try:
        await checkout.renew()
        metrics.UNITS.labels("retried").inc()
        return await _retrying(checkout.connection, work, final)
    except (Fault, CommitLost) as error:
        raise OutcomeUnknown from error


async def settle(seconds: float) -> None:
    """Wait for every COMMIT under way in this process; the lifespan does so before it closes the pools."""
    if _under_way:
        await asyncio.wait(_under_way, timeout=seconds)


async def _retrying(connection: Connection, work: Work[Result], final: bool) -> Result:  # noqa: FBT001 - as given to run
    retries = 0
    key_taken = False
    while True:
        try:
            async with UnitOfWork(connection, final=final) as unit:
                result = await work(connection)
                await unit.commit()
        except UniqueViolation as error:
            # Another request under this key committed after this one had looked: look again, once.
            if error.diag.constraint_name != KEY_CONSTRAINT or key_taken:
                raise taken(error) from error
            key_taken = True
            metrics.UNITS.labels("retried").inc()
        except psycopg.Error as error:
            if error.sqlstate not in RETRIED or retries == RETRIES:
                raise fault(error) from error
            await asyncio.sleep(random.uniform(0, RETRY_PAUSE * 2**retries))  # noqa: S311 - jitter, not a secret
            retries += 1
            metrics.UNITS.labels("retried").inc()
        else:
            return result


async def _outlast(
    task: "asyncio.Task[psycopg.AsyncCursor[psycopg.rows.TupleRow]]", seconds: float
) -> asyncio.CancelledError | None:
    """Wait for a task through every cancellation, native or anyio's, and return the last of them."""
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    cancelled = None
    with anyio.CancelScope(shield=True):
        while not task.done() and (left := end - clock()) > 0:
            try:
                await asyncio.wait({task}, timeout=left)
            except asyncio.CancelledError as error:
                cancelled = error
    return cancelled


__all__ = ["CommitLost", "UnitOfWork", "run", "settle"]
