"""The examination of one database: every check runs by itself, so a failing check never stops the others."""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import psycopg

from repositories import server
from repositories.doctor import findings, hosts
from repositories.doctor.findings import Finding, Status
from repositories.postgres import connections, poolers
from repositories.postgres.connections import BoundedConnection
from repositories.postgres.errors import Defect, Fault, ReadOnlyServer
from repositories.postgres.poolers import Pooler
from repositories.postgres.statements import Connection
from repositories.schema import migrations, pair, privileges
from repositories.schema.migrations import MigrationError

ANSWER_SECONDS = 10.0
"""Longest time for one answer: longer than a statement may take."""
SLOW_CONNECT_SECONDS = 1.0
"""Half of the 2 s that a request waits for a connection."""
STATE = (
    "version",
    "writes",
    "fsync",
    "full_page_writes",
    "synchronous_commit",
    "data_checksums",
    "encoding",
    "collation",
)
CHECKS = ("pooler", "connect", *STATE, "role", "budgets", "privileges", "clock", "migrations", "connections")
"""The checks of a database, in this order."""


class Examination:
    """The findings of one database. `limits` and `connections` are None if the database did not answer."""

    def __init__(self, database: str, conninfo: str, *, migrated_by_serve: bool) -> None:
        self.database = database
        self.findings: list[Finding] = []
        self.limits: server.Limits | None = None
        self.connections: server.ConnectionCounts | None = None
        self._conninfo = conninfo
        self._migrated_by_serve = migrated_by_serve

    async def run(self) -> None:
        """Run every check except `connections`, which needs the limits of both databases."""
        self.findings += await hosts.examine(self.database, self._conninfo, patience=ANSWER_SECONDS)
        if not await self._accepts_pooler():
            self.findings += self._unchecked(CHECKS[1:-1])
            return
        async with AsyncExitStack() as stack:
            if (connection := await self._connect(stack)) is None:
                self.findings += self._unchecked(CHECKS[2:-1])
                return
            await self._check(STATE, self._state, connection)
            await self._check(("role",), self._role, connection)
            await self._check(("budgets",), self._budgets, connection)
            await self._check(("privileges",), self._privileges, connection)
            await self._check(("clock",), self._clock, connection)
            await self._check(("migrations",), self._migrations, connection)
            await self._check((), self._capacity, connection)

    async def _accepts_pooler(self) -> bool:
        """Check the pooler; return False if no session can be had through it."""
        try:
            pooler = await poolers.find(self._conninfo, purpose="doctor")
        except (Fault, Defect):
            self.findings += self._unchecked(("pooler",))
            return True
        self.findings.append(findings.judge_pooler(self.database, pooler))
        return pooler is not Pooler.TRANSACTION

    async def _connect(self, stack: AsyncExitStack) -> BoundedConnection | None:
        started = time.perf_counter()
        try:
            try:
                connection = await stack.enter_async_context(self._connection("primary"))
            except ReadOnlyServer:
                connection = await stack.enter_async_context(self._connection("any"))
        except (Fault, Defect, psycopg.Error) as error:
            self._add_connect(Status.FAILED, _reason(error))
            return None
        seconds = time.perf_counter() - started
        self._add_connect(
            Status.WARNING.unless(good=seconds <= SLOW_CONNECT_SECONDS), f"connected after {seconds * 1000:.0f} ms"
        )
        return connection

    def _connection(self, role: str) -> AbstractAsyncContextManager[BoundedConnection]:
        return connections.connect(self._conninfo, purpose="doctor", patience=ANSWER_SECONDS, role=role)

    def _add_connect(self, status: Status, value: str) -> None:
        expected = f"within {SLOW_CONNECT_SECONDS * 1000:.0f} ms"
        remedy = "Start the server, create the database, or correct the URL; `folio serve` creates the embedded ones."
        self.findings.append(Finding("connect", self.database, status, value, expected, remedy))

    async def _check(
        self,
        names: Iterable[str],
        check: Callable[[Connection], Awaitable[list[Finding]]],
        connection: BoundedConnection,
    ) -> None:
        if connection.closed:
            self.findings += self._unchecked(names)
            return
        try:
            self.findings += await check(connection)
        except (psycopg.Error, MigrationError) as error:
            value = f"no answer within {ANSWER_SECONDS:g} s" if connection.silent else _reason(error)
            remedy = "Fix the cause, then run the doctor again."
            self.findings += [Finding(name, self.database, Status.FAILED, value, "an answer", remedy) for name in names]

    def _unchecked(self, checks: Iterable[str]) -> list[Finding]:
        return unchecked([self.database], f"Fix the connection to {self.database} first.", checks)

    async def _state(self, connection: Connection) -> list[Finding]:
        return findings.judge_state(self.database, await server.read_state(connection))

    async def _role(self, connection: Connection) -> list[Finding]:
        return [findings.judge_privileges(self.database, await server.read_privileges(connection))]

    async def _budgets(self, connection: Connection) -> list[Finding]:
        return [findings.judge_budgets(self.database, await poolers.lost_budgets(connection))]

    async def _privileges(self, connection: Connection) -> list[Finding]:
        missing = await privileges.missing(connection, self.database)
        return [findings.judge_missing_privileges(self.database, missing)]

    async def _clock(self, connection: Connection) -> list[Finding]:
        return [findings.judge_clock(self.database, await server.read_clock(connection))]

    async def _migrations(self, connection: Connection) -> list[Finding]:
        history = await migrations.history_on(connection, self.database)
        return [findings.judge_migrations(self.database, history, by_serve=self._migrated_by_serve)]

    async def _capacity(self, connection: Connection) -> list[Finding]:
        self.connections = await server.read_connections(connection)
        self.limits = await server.read_limits(connection)
        return []


async def examine_pair(conninfos: Mapping[str, str]) -> Finding:
    """Compare the ids of both databases."""
    try:
        return findings.judge_pair(await pair.compare(conninfos, purpose="doctor"))
    except (Fault, Defect, psycopg.Error) as error:
        remedy = "Fix the other findings first."
        return Finding("ids", None, Status.UNKNOWN, f"not checked: {_reason(error)}", "checked", remedy)


def unchecked(databases: Iterable[str], remedy: str, checks: Iterable[str] = CHECKS) -> list[Finding]:
    """Return an `unknown` finding for each check that could not run; `remedy` says how to make it run."""
    return [
        Finding(check, database, Status.UNKNOWN, "not checked", "checked", remedy)
        for database in databases
        for check in checks
    ]


def _reason(error: Exception) -> str:
    return " ".join(str(error.__cause__ or error).split())
