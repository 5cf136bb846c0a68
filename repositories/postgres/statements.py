"""The statements under `sql/`: read at import, sent unedited, called by the parameter names of their headers.

A file is one statement below a header:

    -- Lock the accounts that a unit of work will touch, always in id order.
    --
    -- $1 ids  bigint[]  accounts.id
    -- …
    SELECT /* main/accounts/lock */ ...

The header is not sent. Its parameter lines, `$1` to `$n` or `$ none`, name the arguments; its other slots are for
readers and tests (see "How to read a header" in `sql/README.md`). The comment after the first keyword is sent: it shows
the file's name in pg_stat_activity and pg_stat_statements.
"""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, class_row, dict_row, scalar_row

from repositories.postgres import operation
from repositories.postgres.errors import DatabaseUnavailable, LockTimeout
from repositories.postgres.slices import ROWS

Row = TypeVar("Row")
Connection = AsyncConnection[TupleRow]

ROOT = Path(__file__).resolve().parents[2] / "sql"
LOCK_SECONDS = 2.25
"""Seconds that the statements of one unit of work may wait for row locks, all together; then Folio cancels them.

PostgreSQL's lock_timeout counts each wait by itself, and a request that queues for a row waits once for each request
before it. It is shorter, 2 s, so that it ends a single wait: a cancellation needs a connection of its own.
"""
# WITH … FOR UPDATE changes many rows, and may run for long without waiting for any.
_LOCKS = re.compile(
    r"SELECT\b.*\bFOR (NO KEY )?UPDATE\b(?! SKIP LOCKED)|.*\b(FOR SHARE|ON CONFLICT .* DO UPDATE)\b", re.DOTALL
)


class MalformedStatement(Exception):
    """A file under sql/ lacks its parameter lines or its name."""


class Statement:
    """The statement of one file, and the names and types of its parameters in the order of their numbers."""

    def __init__(self, name: str) -> None:
        header, self.text = _split((ROOT / f"{name}.sql").read_text(encoding="utf-8"))
        self.name = name
        try:
            self.parameters, self.types = _parameters(header)
        except MalformedStatement as error:
            raise MalformedStatement(f"sql/{name}.sql: {error}") from None
        self.locks = _LOCKS.match(self.text) is not None
        """True if a row lock is all that the statement can wait for: it touches few rows."""
        if not re.match(rf"[A-Z]+ /\* {re.escape(name)} \*/ ", self.text.replace("\n", " ")):
            raise MalformedStatement(f"sql/{name}.sql: the first keyword is not followed by /* {name} */")

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"

    def arguments(self, given: dict[str, Any]) -> list[Any]:
        """Order the arguments as $1, $2, …; TypeError if their names are not those of the header."""
        if given.keys() != set(self.parameters):
            raise TypeError(
                f"{self.name} takes {', '.join(self.parameters) or 'nothing'}; given {', '.join(given) or 'nothing'}"
            )
        return [given[name] for name in self.parameters]

    async def run(self, connection: Connection, **given: Any) -> AsyncCursor[TupleRow]:
        """Run the statement for its effect; the cursor's `rowcount` is the number of rows that it touched."""
        return await self._execute(connection.cursor(), given)

    async def all(self, connection: Connection, row: type[Row], /, **given: Any) -> list[Row]:
        """Run the statement and return every row as an object of `row`, whose fields are named like the columns.

        Outside a unit of work, which may hold locks, other requests go on after every few rows.
        """
        async with connection.cursor(row_factory=class_row(row)) as cursor:
            await self._execute(cursor, given)
            if connection.pgconn.transaction_status != TransactionStatus.IDLE:
                return await cursor.fetchall()
            rows = part = await cursor.fetchmany(ROWS)
            while len(part) == ROWS:
                await asyncio.sleep(0)
                part = await cursor.fetchmany(ROWS)
                rows += part
            return rows

    async def values(self, connection: Connection, **given: Any) -> list[Any]:
        """Run the statement and return the first column of every row."""
        async with connection.cursor(row_factory=scalar_row) as cursor:
            await self._execute(cursor, given)
            return await cursor.fetchall()

    async def dicts(self, connection: Connection, **given: Any) -> list[dict[str, Any]]:
        """Run the statement and return every row as a dictionary, for callers that only pass rows on."""
        async with connection.cursor(row_factory=dict_row) as cursor:
            await self._execute(cursor, given)
            return await cursor.fetchall()

    async def _execute(self, cursor: AsyncCursor[Row], given: dict[str, Any]) -> AsyncCursor[Row]:
        """Send the statement; raise LockTimeout if it waits for row locks for too long."""
        arguments = self.arguments(given)
        if not self.locks:
            return await cursor.execute(self.text, arguments)
        current = operation.current()
        started = time.monotonic()
        try:
            async with asyncio.timeout(LOCK_SECONDS - (current.lock_seconds if current else 0.0)):
                return await cursor.execute(self.text, arguments)
        except TimeoutError:
            if getattr(cursor.connection, "silent", False):
                raise DatabaseUnavailable from None
            raise LockTimeout from None
        finally:
            if current is not None:
                current.lock_seconds += time.monotonic() - started

    async def maybe(self, connection: Connection, row: type[Row], /, **given: Any) -> Row | None:
        """Run the statement and return its row, or None if it returned none."""
        rows = await self.all(connection, row, **given)
        return rows[0] if rows else None

    async def one(self, connection: Connection, row: type[Row], /, **given: Any) -> Row:
        """Run the statement and return its only row; LookupError if it returned none."""
        found = await self.maybe(connection, row, **given)
        if found is None:
            raise LookupError(f"{self.name} returned no row")
        return found


def statement(name: str) -> Statement:
    """Read `sql/<name>.sql`, at import; raises FileNotFoundError or MalformedStatement."""
    return Statement(name)


def statements(under: str) -> Sequence[Statement]:
    """Read every statement in a folder below sql/, ordered by name."""
    return [Statement(f"{under}/{path.stem}") for path in sorted((ROOT / under).glob("*.sql"))]


def _parameters(header: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines = [line for line in header if line.startswith("-- $")]
    if not lines:
        raise MalformedStatement("the header has neither parameters nor `$ none`")
    if lines == ["-- $ none"]:
        return (), ()
    names, types = [], []
    for number, line in enumerate(lines, start=1):
        if not (parameter := re.match(rf"-- \${number} (\w+) +([a-z]\w*(?:\[\])?)(  |$)", line)):
            raise MalformedStatement(f"`-- ${number} name  type  meaning` was expected, not `{line}`")
        names.append(parameter[1])
        types.append(parameter[2])
    return tuple(names), tuple(types)


def _split(text: str) -> tuple[list[str], str]:
    lines = text.splitlines(keepends=True)
    height = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return [line.rstrip() for line in lines[:height]], "".join(lines[height:])
