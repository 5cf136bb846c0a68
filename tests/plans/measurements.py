"""Measures statement files with the parameters of `sql/plans/parameters.sql`.

A statement is prepared, as by the service, and run six times: the plan of the sixth run is the one that a pooled
connection uses in the long run. PostgreSQL plans the first five runs for their parameters and then chooses between such
plans and a generic one by estimated cost (plan_cache_mode auto). A statement that may read whole tables is run once, as
by an audit.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import TupleRow, class_row

from repositories.postgres.statements import ROOT, Statement
from tests.plans import nodes

Connection = psycopg.Connection[TupleRow]
LARGE_TABLE_ROWS = 10_000
"""Only an exception may read a table of this size by a sequential scan."""
RUNS = 6


@dataclass(frozen=True)
class Case:
    """One file with one set of parameters; `arguments` is None if the file has no plan."""

    file: str
    situation: str
    arguments: str | None
    exception: str | None

    @property
    def database(self) -> str:
        """The database of the measurement; a file for both databases is measured in main."""
        return "catalog" if self.file.startswith("catalog/") else "main"


@dataclass(frozen=True)
class Measurement:
    """The plan of one case, its rows and its buffers."""

    file: str
    situation: str
    kind: str
    """generic: one plan for all parameters; custom: a plan for these parameters."""
    shape: str
    rows: int
    buffers: int
    sequential_scans: tuple[str, ...] = ()
    """Large tables only."""

    @property
    def name(self) -> str:
        """The name of the case in messages."""
        return f"{self.file} ({self.situation})" if self.situation else self.file


def cases(connection: Connection) -> list[Case]:
    """Return all cases, sorted by file and situation."""
    with scratch(connection), connection.cursor(row_factory=class_row(Case)) as cursor:
        connection.execute((ROOT / "plans/parameters.sql").read_text())
        cursor.execute("SELECT file, situation, arguments, exception FROM parameters")
        return sorted(cursor.fetchall(), key=lambda case: (case.file, case.situation))


def large_tables(connection: Connection) -> set[str]:
    """Return the tables that were large at the last ANALYZE."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= %s", (LARGE_TABLE_ROWS,)
    )
    return {name for (name,) in rows}


def measure(connection: Connection, case: Case, large: Collection[str], *, runs: int = RUNS) -> Measurement:
    """Run a case, each time in a transaction that is rolled back, and return the measurement of the last run."""
    connection.execute(f"PREPARE measured AS {Statement(case.file).text}")
    try:
        for _ in range(1 if case.exception else runs):
            with scratch(connection):
                [output] = _value(
                    connection, f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE measured{case.arguments}"
                )
        generic = _value(connection, "SELECT generic_plans > 0 FROM pg_prepared_statements WHERE name = 'measured'")
    finally:
        connection.execute("DEALLOCATE measured")
    plan: nodes.Node = output["Plan"]
    return Measurement(
        case.file,
        case.situation,
        "generic" if generic else "custom",
        nodes.shape(plan),
        round(plan["Actual Rows"]),
        nodes.buffers(plan),
        () if case.exception else tuple(nodes.sequential_scans(plan, large)),
    )


@contextmanager
def scratch(connection: Connection) -> Iterator[None]:
    """Run a block in a transaction that is rolled back."""
    with connection.transaction(force_rollback=True):
        yield


def _value(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]
