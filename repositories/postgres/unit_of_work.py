"""Units of work: BEGIN, the statements, COMMIT with its tag checked; ROLLBACK in every other case.

Rollback is the default and commit is explicit, for three reasons. The exit code of a FastAPI dependency runs after the
answer was sent, so a COMMIT there could fail after a 201. PostgreSQL answers COMMIT of an aborted transaction with
ROLLBACK and no error, so the command tag is checked. psycopg's own transaction block ends without an error if the
connection is already lost.

A COMMIT in flight outlasts cancellation, deadlines and shutdown, up to a deadline of its own. If it is never confirmed,
the unit runs again under its Idempotency-Key on a new connection: the stored key tells whether it was committed.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

import anyio
import psycopg
from psycopg.errors import UniqueViolation

from repositories.postgres import failpoints, metrics, operation
from repositories.postgres.commits import PATIENT_SECONDS, Commits
from repositories.postgres.connections import discard_statements, hang_up, plan_changed
from repositories.postgres.errors import (
    RETRIED,
    DeadlineExceeded,
    Defect,
    Fault,
    OutcomeUnknown,
    RolledBack,
    Taken,
    fault,
    taken,
)
from repositories.postgres.operation import CommitState
from repositories.postgres.pools import Checkout
from repositories.postgres.statements import Connection

Result = TypeVar("Result")
Work = Callable[[Connection], Awaitable[Result]]
CommitTask = asyncio.Task[psycopg.AsyncCursor[psycopg.rows.TupleRow]]

COMMIT_TIMEOUT = 3.0
"""Seconds for COMMIT to be confirmed: shorter than statement_timeout. If that ends a COMMIT that still waits for a
synchronous standby, PostgreSQL reports success."""
MIN_COMMIT_SECONDS = 0.2
"""Seconds that must remain of the deadline for COMMIT to be sent."""
ROLLBACK_TIMEOUT = 1.0
"""Seconds for ROLLBACK to be confirmed; after that the connection is closed."""
MAX_RETRIES = 3
RETRY_PAUSE = 0.05
"""Longest pause in seconds before the first retry; it doubles with each further one."""
KEY_CONSTRAINT = "idempotency_keys_pkey"

_commits_in_flight: set[CommitTask] = set()


class CommitLost(Exception):
    """COMMIT was sent and never confirmed: the transaction may be committed."""


class UnitOfWork:
    """One transaction on one connection. Leaving the context without `commit` rolls it back.

    `final` is True if the answer of the operation follows from this unit: once it is committed, no deadline takes the
    answer back. `rerun` is True if the unit runs again because its COMMIT was lost.
    """

    def __init__(self, connection: Connection, *, final: bool = True, rerun: bool = False) -> None:
        self._connection = connection
        self._final = final
        self._rerun = rerun
        self._commit_sent = False
        self._recorded = False
        """True if the state of COMMIT in `_operation` is that of this unit."""
        self._operation = operation.current()
        self._commits: Commits | None = getattr(connection, "commits", None)

    async def __aenter__(self) -> Self:
        self._change(CommitState.ROLLED_BACK, CommitState.IDLE)
        if self._operation is not None:
            self._operation.begin_unit()
        if self._commits is not None:
            self._commits.begin()
        try:
            # Without READ WRITE: default_transaction_read_only, by which a DBA freezes a database, holds here, too.
            await self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED", prepare=False)
        except BaseException:
            self._end()
            raise
        return self

    async def commit(self, seconds: float | None = None) -> None:
        """Send COMMIT and return when it is confirmed, within `seconds` or COMMIT_TIMEOUT.

        Raises RolledBack if the server answers ROLLBACK, CommitLost if it never answers, DeadlineExceeded if too little
        time is left to send COMMIT. A cancellation during COMMIT is raised instead, once COMMIT is confirmed or lost.
        """
        limit = operation.remaining(seconds or COMMIT_TIMEOUT)
        if limit < MIN_COMMIT_SECONDS:
            raise DeadlineExceeded
        self._commit_sent = True
        self._recorded = self._change(CommitState.IDLE, CommitState.COMMITTING) or self._rerun
        task = asyncio.create_task(self._connection.execute("COMMIT", prepare=False))
        _commits_in_flight.add(task)
        task.add_done_callback(_commits_in_flight.discard)
        cancelled = await self._wait(task, limit)
        if not task.done():
            if self._commits is not None:
                self._commits.abandon(self._connection.info.backend_pid)
            hang_up(self._connection)
            cancelled = await _outlast(task, COMMIT_TIMEOUT) or cancelled
        try:
            self._conclude(task)
        finally:
            if cancelled is not None:
                raise cancelled

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._roll_back()
        finally:
            self._end()

    async def _roll_back(self) -> None:
        if self._commit_sent:
            return
        self._change(CommitState.IDLE, CommitState.ROLLED_BACK)
        metrics.UNITS.labels("rolled_back").inc()
        if self._connection.closed:
            return
        try:
            async with asyncio.timeout(ROLLBACK_TIMEOUT):
                await self._connection.execute("ROLLBACK", prepare=False)
        except (psycopg.Error, TimeoutError):
            # The server ends the transaction of a lost connection.
            hang_up(self._connection)

    async def _wait(self, task: CommitTask, limit: float) -> asyncio.CancelledError | None:
        """Wait for COMMIT, within `limit`; less if too many of the pool's connections wait for slow ones already."""
        if self._commits is None:
            return await _outlast(task, limit)
        cancelled = await _outlast(task, min(limit, PATIENT_SECONDS))
        if not task.done() and limit > PATIENT_SECONDS:
            with self._commits.slow() as may_wait:
                if may_wait:
                    cancelled = await _outlast(task, limit - PATIENT_SECONDS) or cancelled
        return cancelled

    def _end(self) -> None:
        if self._commits is not None:
            self._commits.end()

    def _conclude(self, task: CommitTask) -> None:
        """Record the outcome of COMMIT; raise unless the server confirmed it."""
        cancelled = not task.done() or task.cancelled()  # the event loop's shutdown cancels this task, too
        error = None if cancelled else task.exception()
        refused = isinstance(error, psycopg.Error) and error.sqlstate is not None and not self._connection.closed
        if cancelled or (error is not None and not refused):
            hang_up(self._connection)
            self._record(CommitState.COMMITTING, CommitState.UNKNOWN)
            metrics.UNITS.labels("unknown").inc()
            raise CommitLost from error
        tag = None if error is not None else task.result().statusmessage
        if tag != "COMMIT":
            self._record(CommitState.COMMITTING, CommitState.ROLLED_BACK)
            metrics.UNITS.labels("rolled_back").inc()
            raise error or RolledBack(f"The database answered COMMIT with {tag}; nothing was written.")
        before = CommitState.UNKNOWN if self._rerun else CommitState.COMMITTING
        self._record(before, CommitState.COMMITTED if self._final else CommitState.IDLE)
        metrics.UNITS.labels("committed").inc()
        if self._operation is not None:
            self._operation.confirm()

    def _record(self, before: CommitState, after: CommitState) -> None:
        if self._recorded:
            self._change(before, after)

    def _change(self, before: CommitState, after: CommitState) -> bool:
        return self._operation is not None and self._operation.change_commit(before, after)


async def run(
    checkout: Checkout,
    work: Work[Result],
    *,
    step: str = "",
    repeatable: bool = False,
    recover: Work[Result | None] | None = None,
    final: bool = True,
    unique: Collection[str] = (),
) -> Result:
    """Run `work` as one unit of work on the connection of `checkout`; return its result once that is committed.

    `step` names the unit for failpoints. `repeatable` is True if `work` finds the effect of an earlier run whose COMMIT
    was lost, for instance by an Idempotency-Key: then a lost COMMIT is resolved by running `work` again on a new
    connection. If `work` cannot find that effect itself, `recover` does, and returns its result or None; a unique
    constraint must keep `work` from writing it twice. `final` is that of UnitOfWork. `unique` names the constraints of
    which `work` may violate one, for servers that do not name it.

    Raises Fault (OutcomeUnknown is one), Defect, Taken, and any exception of `work`. Nothing was written after any of
    these except OutcomeUnknown.
    """
    try:
        return await _retrying(checkout.connection, work, step=step, final=final, unique=unique)
    except CommitLost as lost:
        if not (repeatable or recover):
            raise OutcomeUnknown from lost

    async def work_again(connection: Connection) -> Result:
        recovered = await recover(connection) if recover else None
        return await work(connection) if recovered is None else recovered

    with resolving():
        await checkout.renew()
        return await run_again(checkout, work_again, step=step, final=final, unique=unique)


async def run_again(
    checkout: Checkout, work: Work[Result], *, step: str = "", final: bool = True, unique: Collection[str] = ()
) -> Result:
    """Run a unit of work again whose COMMIT was lost, within `resolving`; `work` finds its effect or writes it."""
    metrics.UNITS.labels("retried").inc()
    return await _retrying(checkout.connection, work, step=step, final=final, unique=unique, rerun=True)


@contextmanager
def resolving() -> Iterator[None]:
    """Raise OutcomeUnknown for every error that leaves a lost COMMIT unresolved."""
    try:
        yield
    except (Fault, Defect, Taken, CommitLost) as error:
        # Taken: the value may have been taken by the lost COMMIT itself.
        raise OutcomeUnknown from error


async def settle(seconds: float) -> None:
    """Wait until no COMMIT of this process is in flight, for at most `seconds`.

    The lifespan does so before it closes the pools, while background work may still send a COMMIT.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + seconds
    while _commits_in_flight and (left := end - clock()) > 0:
        await asyncio.wait(_commits_in_flight, timeout=left)


async def _retrying(
    connection: Connection, work: Work[Result], *, step: str, final: bool, unique: Collection[str], rerun: bool = False
) -> Result:
    retries = 0
    again = False
    discarded = False
    while True:
        try:
            async with UnitOfWork(connection, final=final, rerun=rerun) as unit:
                result = await work(connection)
                failpoints.reach(f"before {step}")
                await unit.commit()
        except UniqueViolation as error:
            # Another request under this key, or the lost COMMIT itself, committed after this run had looked for its
            # effect: run the unit again, once. If the server does not name the constraint, it may be this one.
            if again or not (rerun or error.diag.constraint_name in {None, KEY_CONSTRAINT}):
                raise taken(error, *unique) from error
            again = True
            metrics.UNITS.labels("retried").inc()
        except psycopg.Error as error:
            if plan_changed(error) and not discarded and not connection.closed:
                discarded = True
                await discard_statements(connection)
                metrics.UNITS.labels("retried").inc()
                continue
            if error.sqlstate not in RETRIED or retries == MAX_RETRIES:
                raise fault(error) from error
            await asyncio.sleep(random.uniform(0, RETRY_PAUSE * 2**retries))  # noqa: S311 - jitter, not a secret
            retries += 1
            metrics.UNITS.labels("retried").inc()
        else:
            failpoints.reach(f"after {step}")
            return result


async def _outlast(task: CommitTask, seconds: float) -> asyncio.CancelledError | None:
    """Wait for a task through every cancellation, native or anyio's; return the last cancellation, if any."""
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
