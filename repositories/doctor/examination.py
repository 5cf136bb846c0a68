"""The examination of one database: every check for itself, so that one which fails keeps no other from its line."""

import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack

import psycopg

from repositories import server as diagnosis
from repositories.doctor import capacity, findings
from repositories.doctor.findings import Finding, Status
from repositories.postgres import connections
from repositories.postgres.connections import BoundedConnection
from repositories.postgres.errors import Fault
from repositories.postgres.statements import Connection
from repositories.schema import migrations, roles
from repositories.schema.migrations import MigrationError

DEADLINE = 10.0
"""Seconds for an answer: longer than a statement may take."""
SLOW = 1.0
"""Seconds to connect, of the 2 that a request waits for a connection."""
STATE = ("version", "writes", "fsync", "full_page_writes", "synchronous_commit", "data_checksums")
CHECKS = ("connect", *STATE, "role", "clock", "migrations", "connections")
"""What is looked at in a database, in this order."""


class Examination:
    """What was found of one database, and what the sums need of it: `limits` and `use` are None where it is away."""

    def __init__(self, database: str, conninfo: str, *, migrated_by_serve: bool) -> None:
        self.database = database
        self.findings: list[Finding] = []
        self.limits: capacity.Limits | None = None
        self.use: diagnosis.Use | None = None
        self._conninfo = conninfo
        self._migrated_by_serve = migrated_by_serve

    async def run(self) -> None:
        """Look at everything but the sums, for which both databases are needed."""
        async with AsyncExitStack() as stack:
            if (connection := await self._connect(stack)) is None:
                self.findings += not_looked_at([self.database], f"the connection to {self.database}", CHECKS[1:-1])
                return
            await self._check(STATE, self._state, connection)
            await self._check(("role",), self._role, connection)
            await self._check(("clock",), self._clock, connection)
            await self._check(("migrations",), self._migrations, connection)
            await self._check((), self._capacity, connection)

    async def _connect(self, stack: AsyncExitStack) -> BoundedConnection | None:
        started = time.perf_counter()
        try:
            connection = await stack.enter_async_context(
                connections.connect(self._conninfo, purpose="doctor", patience=DEADLINE)
            )
        except (Fault, psycopg.Error) as error:
            self._connected(Status.FAILED, _reason(error))
            return None
        seconds = time.perf_counter() - started
        self._connected(Status.WARNING.unless(good=seconds <= SLOW), f"answers after {seconds * 1000:.0f} ms")
        return connection

    def _connected(self, status: Status, found: str) -> None:
        remedy = "Start the server, make the database, or correct the URL; `folio serve` makes the embedded ones."
        self.findings.append(
            Finding("connect", self.database, status, found, f"answers within {SLOW * 1000:.0f} ms", remedy)
        )

    async def _check(
        self,
        names: Iterable[str],
        look: Callable[[Connection], Awaitable[list[Finding]]],
        connection: BoundedConnection,
    ) -> None:
        if connection.closed:
            self.findings += not_looked_at([self.database], f"the connection to {self.database}", names)
            return
        try:
            self.findings += await look(connection)
        except (psycopg.Error, MigrationError) as error:
            found = f"no answer within {DEADLINE:g} s" if connection.silent else _reason(error)
            self.findings += [
                Finding(name, self.database, Status.FAILED, found, "known", "Mend what it says, and look again.")
                for name in names
            ]

    async def _state(self, connection: Connection) -> list[Finding]:
        return findings.of_state(self.database, await diagnosis.read_state(connection))

    async def _role(self, connection: Connection) -> list[Finding]:
        return [findings.of_privileges(self.database, await roles.privileges(connection))]

    async def _clock(self, connection: Connection) -> list[Finding]:
        return [findings.of_clock(self.database, await diagnosis.read_clock(connection))]

    async def _migrations(self, connection: Connection) -> list[Finding]:
        todo = (await migrations.history_on(connection, self.database)).pending
        return [findings.of_migrations(self.database, todo, by_serve=self._migrated_by_serve)]

    async def _capacity(self, connection: Connection) -> list[Finding]:
        self.use = await diagnosis.read_use(connection)
        self.limits = await capacity.read(connection)
        return []


def not_looked_at(databases: Iterable[str], first: str, checks: Iterable[str] = CHECKS) -> list[Finding]:
    """Return a line for each check that something else stood in the way of."""
    return [
        Finding(check, database, Status.UNKNOWN, "not looked at", "known", f"Mend {first} first.")
        for database in databases
        for check in checks
    ]


def _reason(error: Exception) -> str:
    return " ".join(str(error.__cause__ or error).split())
