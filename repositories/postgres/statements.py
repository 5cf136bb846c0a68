"""The statements under `sql/`: read at import, sent unedited, called by the parameter names of their headers.

A file is one statement below a header, whose form `repositories/headers.py` describes:

    -- Lock the accounts that a unit of work will touch, always in id order.
    -- …
    SELECT /* main/accounts/lock */ ...

The header stays behind; the comment after the first keyword tells pg_stat_activity and pg_stat_statements the file.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import TupleRow, class_row, dict_row, scalar_row

from repositories.postgres.headers import MalformedStatement, parse

Row = TypeVar("Row")
Connection = AsyncConnection[TupleRow]

ROOT = Path(__file__).resolve().parents[2] / "sql"


class Statement:
    """One statement of one file, and what its header says of it."""

    def __init__(self, name: str) -> None:
        header, self.text = _split((ROOT / f"{name}.sql").read_text(encoding="utf-8"))
        self.name = name
        try:
            self.header = parse(header)
        except MalformedStatement as error:
            raise MalformedStatement(f"sql/{name}.sql: {error}") from None
        self._names = tuple(parameter for parameter, _ in self.header.parameters)
        if not re.match(rf"[A-Z]+ /\* {re.escape(name)} \*/ ", self.text.replace("\n", " ")):
            raise MalformedStatement(f"sql/{name}.sql: the first keyword is not followed by /* {name} */")

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"

    def arguments(self, given: dict[str, Any]) -> list[Any]:
        """Order the arguments as $1, $2, …; TypeError for other names than the header's."""
        if given.keys() != set(self._names):
            raise TypeError(
                f"{self.name} takes {', '.join(self._names) or 'nothing'}; given {', '.join(given) or 'nothing'}"
            )
        return [given[name] for name in self._names]

    async def run(self, connection: Connection, **given: Any) -> AsyncCursor[TupleRow]:
        """Run it for its effect; the cursor's `rowcount` tells how many rows it touched."""
        return await connection.execute(self.text, self.arguments(given))

    async def all(self, connection: Connection, row: type[Row], /, **given: Any) -> list[Row]:
        """Run it and return every row as an object of `row`, whose field names are the columns'."""
        async with connection.cursor(row_factory=class_row(row)) as cursor:
            await cursor.execute(self.text, self.arguments(given))
            return await cursor.fetchall()

    async def values(self, connection: Connection, **given: Any) -> list[Any]:
        """Run it and return the first column of every row."""
        async with connection.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(self.text, self.arguments(given))
            return await cursor.fetchall()

    async def dicts(self, connection: Connection, **given: Any) -> list[dict[str, Any]]:
        """Run it and return every row as a dictionary, for readers that only pass rows on."""
        async with connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(self.text, self.arguments(given))
            return await cursor.fetchall()

    async def maybe(self, connection: Connection, row: type[Row], /, **given: Any) -> Row | None:
        """Run it and return its row, or None where it returned none."""
        rows = await self.all(connection, row, **given)
        return rows[0] if rows else None

    async def one(self, connection: Connection, row: type[Row], /, **given: Any) -> Row:
        """Run it and return its one row; LookupError where the contract of one row did not hold."""
        found = await self.maybe(connection, row, **given)
        if found is None:
            raise LookupError(f"{self.name} returned no row")
        return found


def statement(name: str) -> Statement:
    """Read `sql/<name>.sql`; raises at import what is missing or malformed."""
    return Statement(name)


def statements(under: str) -> Sequence[Statement]:
    """Read every statement of a folder below sql/, by name."""
    return [Statement(f"{under}/{path.stem}") for path in sorted((ROOT / under).glob("*.sql"))]


def _split(text: str) -> tuple[list[str], str]:
    lines = text.splitlines(keepends=True)
    height = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    return [line.rstrip() for line in lines[:height]], "".join(lines[height:])
