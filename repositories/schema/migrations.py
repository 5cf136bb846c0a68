"""Migrations: plain SQL files per database, applied in order, forward only, each once, each in its own transaction."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import psycopg

from repositories.postgres import connections
from repositories.postgres.errors import fault
from repositories.postgres.statements import ROOT, Connection, statement
from repositories.postgres.unit_of_work import CommitLost, UnitOfWork

CREATE = statement("both/schema_migrations/create")
EXISTS = statement("both/schema_migrations/exists")
LIST = statement("both/schema_migrations/list")
INSERT = statement("both/schema_migrations/insert")
LOCK = statement("both/schema_migrations/lock")

_FILE = re.compile(r"(?P<version>\d{4})_\w+\.sql")
_TOKEN = re.compile(
    r"""--[^\n]* | '[^']*' | "[^"]*" | (?P<quote>\$\w*\$) .*? (?P=quote) | (?P<end>;)""", re.DOTALL | re.VERBOSE
)
UNRELEASED = frozenset(
    {
        ("main", "c955d4c14f7b8fad8bb5b9151cd1b195cd2a0226ac9e049a2283e91f6d70201a"),
        ("catalog", "c23faeebeaf74a4db63a89e5aed31c61abcdd1aad28932be47d82acb408481a7"),
    }
)
"""First files, as (database, SHA-256), of the migrations that were rewritten before the first release."""
# A migration may rewrite a table for minutes, but never wait long for a lock: behind it all traffic would queue.
BUDGETS = {
    "statement_timeout": "0",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "60s",
    "transaction_timeout": "0",
}
ANSWER_SECONDS = 86400.0
"""Longest time for one answer of the server: a day, since a migration may rewrite a large table."""
MAX_DEADLOCKS = 5
"""Times that a migration is tried again after a deadlock."""
# Another process may be applying the same migrations.
ADVISORY_BUDGETS = {"lock_timeout": "120s"}


class MigrationError(Exception):
    """The files under sql/*/migrations and the history that the database stores contradict each other."""


@dataclass(frozen=True)
class Migration:
    """One file: the number at the start of its name, its name, its text, and the SHA-256 of the text."""

    version: int
    name: str
    text: str
    checksum: str


@dataclass(frozen=True)
class Applied:
    """One migration that was applied, as the database stores it."""

    version: int
    name: str
    checksum: str
    applied_at: datetime


@dataclass(frozen=True)
class History:
    """The server's version, and the applied and pending migrations of the database, in order.

    `newer` are those of the applied ones that a newer release made: a release also runs on the schema of the next one.
    """

    server_version: str
    applied: list[Applied]
    pending: list[Migration]
    newer: list[Applied]

    @property
    def warning(self) -> str | None:
        """The sentence about migrations of a newer release; None if there are none."""
        if not self.newer:
            return None
        return f"has {len(self.newer)} migration(s) of a newer release, from {self.newer[0].name} on"


def migrations(database: str) -> list[Migration]:
    """Read the migration files of a database, in order; MigrationError if a name is malformed or a number repeats."""
    files: dict[int, Migration] = {}
    for path in sorted((ROOT / database / "migrations").glob("*.sql")):
        name = _FILE.fullmatch(path.name)
        if name is None or int(name["version"]) in files:
            raise MigrationError(f"{path.name}: migrations are named 0001_what_it_does.sql, each number once.")
        content = path.read_bytes()
        version = int(name["version"])
        files[version] = Migration(version, path.name, content.decode(), hashlib.sha256(content).hexdigest())
    return list(files.values())


async def pending(conninfo: str, database: str) -> list[Migration]:
    """Return the migrations that the database lacks, in order; changes nothing."""
    return (await history(conninfo, database)).pending


async def history(conninfo: str, database: str, patience: float | None = None) -> History:
    """Return the applied and pending migrations; changes nothing. `patience` is in seconds, for each answer."""
    async with connections.connect(conninfo, purpose="migrations", patience=patience) as connection:
        return await history_on(connection, database)


async def history_on(connection: Connection, database: str) -> History:
    """Return the history on an open connection.

    Raises MigrationError if files and database contradict each other, or if the login may not read the history.
    """
    applied: list[Applied] = []
    [exists] = await EXISTS.values(connection)
    if exists:
        try:
            applied = await LIST.all(connection, Applied)
        except psycopg.errors.InsufficientPrivilege as error:
            raise MigrationError(
                f"In the {database} database, the login may not read schema_migrations: run sql/both/roles.sql and "
                f"sql/{database}/roles.sql, or `folio migrate --grant`."
            ) from error
    version = connection.info.parameter_status("server_version") or ""
    files = migrations(database)
    pending = compare(files, applied, database)
    return History(version, applied, pending, [row for row in applied if row.version > files[-1].version])


async def migrate(conninfo: str, database: str, on_applied: Callable[[Migration], None]) -> list[Migration]:
    """Apply the pending migrations and return them; concurrent processes wait for each other and apply each once.

    Migrations of a newer release stay. Raises MigrationError if a file changed after it was applied, Fault if the
    database is away or a lock is not free in time. Migrations that were applied before an error stay applied.
    """
    applied: list[Migration] = []
    async with alone(conninfo) as connection:
        await CREATE.run(connection)
        for migration in (await history_on(connection, database)).pending:
            await _apply(connection, migration)
            applied.append(migration)
            on_applied(migration)
    return applied


def compare(files: Iterable[Migration], history: Iterable[Applied], database: str) -> list[Migration]:
    """Return the pending migrations; MigrationError if files and history contradict each other.

    A migration later than all files is one of a newer release, and no contradiction.
    """
    todo = {migration.version: migration for migration in files}
    newest = max(todo, default=0)
    for applied in history:
        if (database, applied.checksum) in UNRELEASED:
            raise MigrationError(
                f"The {database} database was made before the first release of Folio and cannot be migrated: "
                "start with new, empty databases (embedded PostgreSQL: remove its data folder, .folio unless "
                "FOLIO_DATA_DIR names another), or stay on the Folio that made it."
            )
        migration = todo.pop(applied.version, None)
        if migration is None and applied.version <= newest:
            raise MigrationError(
                f"The {database} database has had {applied.name}, which this release of Folio does not have: "
                "run the release that made it, or a newer one."
            )
        if migration is not None and migration.checksum != applied.checksum:
            raise MigrationError(
                f"{migration.name} was changed after the {database} database had it: "
                "restore the file, and put the change in a new migration."
            )
        if skipped := [other.name for other in todo.values() if other.version < applied.version]:
            raise MigrationError(f"{skipped[0]} is older than {applied.name}, which the {database} database has had.")
    return list(todo.values())


def split(text: str) -> list[str]:
    """Return the statements of a migration, each with the comments above it.

    They are sent one at a time, as distributed engines demand. A semicolon in a comment, a string, a quoted name or a
    dollar-quoted body ends no statement; block comments and E'...' strings with semicolons are not supported.
    """
    ends = [token.end() for token in _TOKEN.finditer(text) if token["end"]]
    return [part for start, end in pairwise([0, *ends, len(text)]) if (part := text[start:end].strip())]


@asynccontextmanager
async def alone(conninfo: str) -> AsyncIterator[Connection]:
    """Open a connection that holds the migrations' lock: one at a time. Fault if the database is away or fails."""
    try:
        async with connections.connect(
            conninfo, purpose="migrate", budgets=BUDGETS | ADVISORY_BUDGETS, patience=ANSWER_SECONDS
        ) as connection:
            await LOCK.run(connection)
            await connections.configure(connection, BUDGETS)
            yield connection
    except psycopg.Error as error:
        raise fault(error) from error


async def _apply(connection: Connection, migration: Migration) -> None:
    for _ in range(MAX_DEADLOCKS):
        try:
            return await _try(connection, migration)
        except psycopg.errors.DeadlockDetected:
            continue  # with a request that locks the same tables in another order; it was rolled back
    return await _try(connection, migration)


async def _try(connection: Connection, migration: Migration) -> None:
    try:
        async with UnitOfWork(connection) as unit:
            for text in split(migration.text):
                await connection.execute(text, prepare=False)
            await INSERT.run(connection, version=migration.version, name=migration.name, checksum=migration.checksum)
            # It may wait for a disk, or for a standby that receives a rewritten table.
            await unit.commit(ANSWER_SECONDS)
    except CommitLost as lost:
        raise MigrationError(
            f"The connection was lost during the COMMIT of {migration.name}, which may be applied. Run `folio migrate`"
            " again: it applies each migration once."
        ) from lost
    except psycopg.errors.DeadlockDetected:
        raise
    except psycopg.Error as error:
        if error.sqlstate in {None, "25006", "55P03"}:
            raise fault(error) from error
        raise MigrationError(f"{migration.name} failed and was rolled back: {error}") from error
