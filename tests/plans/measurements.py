"""Statement files measured with the parameters of `sql/plans/parameters.sql`, and judged.

Measured is what a pooled connection sees in the long run: the statement is prepared, as the service prepares it, and
run six times. PostgreSQL plans the first five for their parameters and then settles on that or on one plan for all,
whichever it takes for cheaper (plan_cache_mode auto); the sixth is what counts. What may read whole tables is run once,
as an audit runs it, on a connection of its own.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import TupleRow, class_row

from repositories.postgres.statements import ROOT, Statement
from tests.plans import explained

Connection = psycopg.Connection[TupleRow]
LARGE = 10_000
"""Rows from which on a table is not to be read whole."""
RUNS = 6


@dataclass(frozen=True)
class Case:
    """One file with one set of parameters; `arguments` is None where the file has no plan."""

    file: str
    situation: str
    arguments: str | None
    exception: str | None

    @property
    def database(self) -> str:
        """Where it is measured: what is for both databases, in main."""
        return "catalog" if self.file.startswith("catalog/") else "main"


@dataclass(frozen=True)
class Measured:
    """What one case came to."""

    file: str
    situation: str
    kind: str
    """generic or custom: one plan for all parameters, or one for these."""
    shape: str
    rows: int
    buffers: int
    read_whole: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the case is called in messages."""
        return f"{self.file} ({self.situation})" if self.situation else self.file


def cases(connection: Connection) -> list[Case]:
    """Read the parameters, in the order of their files."""
    with scratch(connection), connection.cursor(row_factory=class_row(Case)) as cursor:
        connection.execute((ROOT / "plans/parameters.sql").read_text())
        cursor.execute("SELECT file, situation, arguments, exception FROM parameters")
        return sorted(cursor.fetchall(), key=lambda case: case.file)


def large_tables(connection: Connection) -> set[str]:
    """Return the tables that have many rows, as of the last ANALYZE."""
    found = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s", (LARGE,))
    return {name for (name,) in found}


def measure(connection: Connection, case: Case, large: Collection[str], *, runs: int = RUNS) -> Measured:
    """Run a case, each time in a transaction that is rolled back, and return what the last run came to."""
    connection.execute(f"PREPARE measured AS {Statement(case.file).text}")
    try:
        for _ in range(1 if case.exception else runs):
            with scratch(connection):
                [explained_plan] = _value(
                    connection, f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE measured{case.arguments}"
                )
        generic = _value(connection, "SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = 'measured'")
    finally:
        connection.execute("DEALLOCATE measured")
    plan: explained.Node = explained_plan["Plan"]
    return Measured(
        case.file,
        case.situation,
        "generic" if generic else "custom",
        explained.shape(plan),
        round(plan["Actual Rows"]),
        explained.buffers(plan),
        () if case.exception else tuple(explained.read_whole(plan, large)),
    )


@contextmanager
def scratch(connection: Connection) -> Iterator[None]:
    """Undo at the end whatever was done, unless it failed."""
    with connection.transaction(force_rollback=True):
        yield


def _value(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
