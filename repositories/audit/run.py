"""Run an audit: of everything for `folio audit` and `POST /ops/audit`, and on schedule by any process in turns.

An audit reads slice by slice, and stores its progress every few seconds. If its process dies, another one goes on with
it when the lease has expired. A scheduled audit of what is new follows each hour, and one of everything goes on behind
it, pausing for most of the time.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import psycopg
import structlog

from repositories import server
from repositories.audit import invariants, reconciliation, sellers, stages
from repositories.audit.stages import Stage
from repositories.audit.steps import Connections, Findings
from repositories.audit_passes import AuditPassRepository, Pass
from repositories.audits import Audit, AuditRepository, Check
from repositories.postgres import connections, unit_of_work
from repositories.postgres.connections import BoundedConnection
from repositories.postgres.errors import DatabaseUnavailable, Fault, fault
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.slices import SliceRepository

log = structlog.get_logger()

NAMES = [
    reconciliation.NAME,
    sellers.NAME,
    *(invariants.check_name(query) for queries in invariants.QUERIES.values() for query in queries),
]
"""The checks of an audit, in the order of its result."""
# A slice takes a fraction of a second, and holds no lock that writers wait for. A product with millions of reservations
# is one slice: it may take minutes.
BUDGETS = {
    "statement_timeout": "300s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "transaction_timeout": "600s",
}
# Slices differ, and so do their plans. They find their rows by index, in one process.
PLANNING = {"plan_cache_mode": "force_custom_plan", "random_page_cost": "1.1", "max_parallel_workers_per_gather": "0"}
ANSWER_SECONDS = 330.0
"""Longest time for one answer: longer than a statement may take."""
LEASE_SECONDS = 600
"""Longer than a step takes: after that another process goes on with the audit."""
SAVE_INTERVAL_SECONDS = 5.0
"""Seconds between two times at which the progress is stored."""
SHARE = 0.1
"""Part of the time for which a scheduled audit reads; then it pauses, so that it takes a tenth of a core."""
BUSY_SHARE = 0.2
"""Part of the time for which an operator's audit reads while the database works for others, too."""
BUSY_MILLISECONDS = 20
"""A database is busy for so long after a statement: longer than the gaps of a load, shorter than those of the jobs."""
MAX_PAUSE_SECONDS = 5.0
OVERLAP = timedelta(minutes=5)
"""An audit of what is new begins so long before the start of the one before: longer than a transaction lasts, or two
servers disagree on the time."""

Progress = Callable[[float, str], None]
"""Called after each step, with the part of the audit that is done, from 0 to 1, and the name of the stage."""


class Databases:
    """The databases of an audit: connection strings, the pool for its progress, and a standby of main to read from."""

    def __init__(self, conninfos: Mapping[str, str], main: Pool, standby: str | None = None) -> None:
        self.main = main
        self._conninfos = conninfos
        self._standby = standby

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connections]:
        """Open connections of an audit's own. Without its standby, an audit reads from the primary."""
        async with AsyncExitStack() as stack:
            main = await stack.enter_async_context(_connect(self._conninfos["main"]))
            catalog = await stack.enter_async_context(_connect(self._conninfos["catalog"]))
            reader = main
            if self._standby is not None:
                try:
                    reader = await stack.enter_async_context(_connect(self._standby, role="prefer-standby"))
                except Fault as error:
                    log.warning("audit_standby_away", code=error.code, error=str(error))
            yield Connections(main, catalog, reader)


async def run_audit(databases: Databases, on_progress: Progress = lambda *_: None) -> Audit:
    """Check everything at once, store the result and return it.

    Raises Fault if a database is away or too slow; then a scheduled job goes on with the audit.
    """
    async with databases.main.checkout() as checkout:
        state = await AuditPassRepository(checkout.connection).insert(seconds=LEASE_SECONDS)
    audit = await _Run(databases, state, on_progress).work()
    if audit is None:
        raise DatabaseUnavailable("The audit stood still for so long that another process goes on with it.")
    return audit


async def schedule(main: Pool) -> None:
    """Begin an audit of what is new since the last one, and one of everything, unless they are unfinished."""
    async with main.checkout() as checkout:
        passes = AuditPassRepository(checkout.connection)
        last = await AuditRepository(checkout.connection).get_last()
        if last is not None:
            await passes.schedule(since=last.started_at - OVERLAP)
        await passes.schedule(since=None)


async def resume(databases: Databases, seconds: float) -> None:
    """Go on with unfinished audits that no process works on, for about `seconds`. Raises Fault."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        async with databases.main.checkout() as checkout:
            state = await AuditPassRepository(checkout.connection).take(seconds=LEASE_SECONDS)
        if state is None:
            return
        await _Run(databases, state, share=SHARE).work(left)


class _Run:
    """The work of this process on one pass."""

    def __init__(
        self, databases: Databases, state: Pass, on_progress: Progress = lambda *_: None, share: float | None = None
    ) -> None:
        self._databases = databases
        self._state = state
        self._on_progress = on_progress
        self._share = share
        self._findings = Findings(NAMES)
        self._findings.add(state.checks)
        self._stages = stages.ALL if state.since is None else stages.RECENT
        self._saved_at = time.monotonic()

    async def work(self, seconds: float = math.inf) -> Audit | None:
        """Read slices until the pass is finished; None if that takes more than `seconds`, or the pass is lost."""
        end = time.monotonic() + seconds
        try:
            async with self._databases.connect() as opened:
                starts = await self._starts(opened.main)
                for stage in self._stages[self._first() :]:
                    if not await self._read(opened, stage, starts.get(stage.start or ""), end):
                        return None
        except psycopg.Error as error:
            raise fault(error) from error
        async with self._databases.main.checkout() as checkout:
            # Repeatable: if an unconfirmed COMMIT did succeed, the pass is gone and its result is the last one.
            return await unit_of_work.run(
                checkout, partial(_store, state=self._state, found=self._findings.checks()), repeatable=True
            )

    def _first(self) -> int:
        return next((number for number, stage in enumerate(self._stages) if stage.name == self._state.stage), 0)

    async def _starts(self, main: Connection) -> dict[str, str | None]:
        """Return the positions before the rows that are new; none of them is needed to read everything."""
        if self._state.since is None:
            return {}
        since = self._state.since.isoformat()
        return {"since": since} | await SliceRepository(main).recent(since=since)

    async def _read(self, opened: Connections, stage: Stage, start: str | None, end: float) -> bool:
        """Read a stage from its start or from where it was left; False if time is up or the pass is lost."""
        position = self._state.position if stage.name == self._state.stage else None
        position = position or start
        if position is None and self._state.since is not None:
            return True  # nothing is new
        while True:
            began = time.monotonic()
            step = await stage.step(opened, position)
            self._findings.add(step.checks)
            self._on_progress((self._stages.index(stage) + step.progress) / len(self._stages), stage.name)
            position = step.until
            if position is None:
                return True
            self._state = self._state.at(stage.name, position)
            now = time.monotonic()
            if now > end:
                await self._save(lease_seconds=0)
                return False
            if now - self._saved_at > SAVE_INTERVAL_SECONDS and not await self._save(LEASE_SECONDS):
                return False
            await self._pause(opened, now - began)

    async def _pause(self, opened: Connections, seconds: float) -> None:
        """Leave the server to others after reading for `seconds`."""
        share = self._share
        if share is None:
            busy = await server.is_busy(opened.reader, milliseconds=BUSY_MILLISECONDS)
            share = BUSY_SHARE if busy else 1.0
        await asyncio.sleep(min(seconds * (1 / share - 1), MAX_PAUSE_SECONDS))

    async def _save(self, lease_seconds: int) -> bool:
        self._saved_at = time.monotonic()
        async with self._databases.main.checkout() as checkout:
            return await AuditPassRepository(checkout.connection).save(
                self._state, checks=self._findings.checks(), seconds=lease_seconds
            )


def _connect(conninfo: str, role: str = "primary") -> AbstractAsyncContextManager[BoundedConnection]:
    return connections.connect(
        conninfo, purpose="audit", budgets=BUDGETS | PLANNING, patience=ANSWER_SECONDS, role=role
    )


async def _store(connection: Connection, *, state: Pass, found: list[Check]) -> Audit | None:
    """Store a result in place of its pass; an audit of new rows keeps the findings of the one before."""
    audits = AuditRepository(connection)
    last = await audits.get_last()
    if not await AuditPassRepository(connection).delete(state):
        return last
    findings = Findings(NAMES)
    findings.add(found)
    if state.since is None or last is None:
        return await audits.insert(checks=findings.checks(), started_at=state.started_at, completed_at=None)
    findings.add(Check(check["name"], check["rows"]) for check in last.checks)
    return await audits.insert(checks=findings.checks(), started_at=state.started_at, completed_at=last.completed_at)
