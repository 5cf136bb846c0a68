"""Fill the databases, measure the plans, and exit with 1 if they differ from `docs/plans.md`."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from repositories.schema.databases import DATABASES
from tests.harness import postgres, templates
from tests.plans import document, filling
from tests.plans.control import control
from tests.plans.measurements import Case, Connection, Measurement, cases, large_tables, measure

screen = Console(stderr=True, highlight=False, soft_wrap=True)
# The usual settings of a server with so much data, which speed the filling up. JIT compilation changes no plan.
OPTIONS = postgres.OPTIONS | {"shared_buffers": "1GB", "max_wal_size": "8GB", "jit": "off"}
MEMORY_BYTES = 6 << 30
"""Twice the size of both databases and their write-ahead log."""


def main() -> int:
    """Run all steps and return the exit status."""
    start = time.monotonic()
    with ExitStack() as stack:
        screen.print("Starting PostgreSQL")
        server = postgres.start(stack, OPTIONS, MEMORY_BYTES)
        conninfos = stack.enter_context(templates.clones())
        durations = {database: _fill(conninfos[database], database) for database in DATABASES}
        connections = {database: stack.enter_context(_connect(conninfos[database])) for database in DATABASES}
        all_cases = cases(connections["main"])
        measurements = _measure(connections, all_cases)
        version = templates.server_version()
        summary = _summary(version, durations)
        screen.print(summary, markup=False)
        text = document.PATH.read_text()
        if os.environ.get("UPDATE"):
            text = document.write(text, summary, measurements, [case for case in all_cases if case.exception])
            document.PATH.write_text(text)
        same_version = version == document.VERSION
        if not same_version:
            screen.print(
                f"{document.PATH} has the plans of PostgreSQL {document.VERSION}, and this server is {version}:"
                " comparing sequential scans, budgets and rows, not plans."
            )
        document_rows = document.read(text)
        differences = document.differences(measurements, document_rows, same_version=same_version)
        differences += _control(connections, all_cases, measurements, document_rows)
    for line in differences:
        screen.print(line, markup=False, style="red")
    duration = timedelta(seconds=round(time.monotonic() - start))
    screen.print(f"{len(measurements)} plans on {server}: {len(differences)} differences, in {duration}")
    return 1 if differences else 0


def _fill(conninfo: str, database: str) -> timedelta:
    with _progress() as progress:
        task = progress.add_task(f"Filling {database}", total=len(filling.steps(database)))
        return filling.fill(conninfo, database, lambda: progress.advance(task))


def _measure(connections: dict[str, Connection], all_cases: list[Case]) -> list[Measurement]:
    large = {database: large_tables(connection) for database, connection in connections.items()}
    measurements = []
    with _progress() as progress:
        task = progress.add_task("Measuring", total=len(all_cases))
        for case in all_cases:
            progress.update(task, description=f"Measuring {case.file}")
            if case.arguments is not None:
                measurements.append(measure(connections[case.database], case, large[case.database]))
            progress.advance(task)
    return measurements


def _control(
    connections: dict[str, Connection],
    all_cases: list[Case],
    measurements: list[Measurement],
    document_rows: dict[tuple[str, str], document.Row],
) -> list[str]:
    undetected = []
    with _progress() as progress:
        task = progress.add_task("Dropping each index", total=None)
        for database, connection in connections.items():
            for lines in control(connection, database, all_cases, measurements, document_rows):
                undetected += lines
                progress.advance(task)
    return undetected


def _summary(version: int, durations: dict[str, timedelta]) -> str:
    times = ", ".join(f"{database} in {duration.seconds} s" for database, duration in durations.items())
    return f"PostgreSQL {version}; filled {times}, on the machine of that run."


@contextmanager
def _connect(conninfo: str) -> Iterator[Connection]:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'GMT'")
        yield connection


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen) as progress:
        yield progress


if __name__ == "__main__":
    sys.exit(main())
