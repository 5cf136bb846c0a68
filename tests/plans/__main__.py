"""Fill, measure, judge: exit status 1 where a plan is not as `docs/plans.md` has it."""

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
from tests.plans.measured import Case, Connection, Measured, cases, large_tables, measure

screen = Console(stderr=True, highlight=False, soft_wrap=True)
# As a server of so much data would have it, so that filling takes no longer than it must. To compile changes no plan.
OPTIONS = postgres.OPTIONS | {"shared_buffers": "1GB", "max_wal_size": "8GB", "jit": "off"}
SPACE = 6 << 30
"""Bytes in memory: twice what both databases and their write-ahead log come to."""


def main() -> int:
    """Run all and return the exit status."""
    begun = time.monotonic()
    with ExitStack() as stack:
        screen.print("Starting PostgreSQL")
        server = postgres.start(stack, OPTIONS, SPACE)
        conninfos = stack.enter_context(templates.clones())
        took = {database: _fill(conninfos[database], database) for database in DATABASES}
        connections = {database: stack.enter_context(_connect(conninfos[database])) for database in DATABASES}
        chosen = cases(connections["main"])
        measured = _measure(connections, chosen)
        version = templates.server_version()
        summary = _summary(version, took)
        screen.print(summary, markup=False)
        text = document.PATH.read_text()
        if os.environ.get("UPDATE"):
            text = document.write(text, summary, measured, [case for case in chosen if case.exception])
            document.PATH.write_text(text)
        same_version = version == document.VERSION
        if not same_version:
            screen.print(
                f"{document.PATH} has the plans of PostgreSQL {document.VERSION}; this is {version}: compared are "
                "sequential scans, budgets and rows, not plans."
            )
        documented = document.read(text)
        found = document.differences(measured, documented, same_version=same_version)
        found += _control(connections, chosen, measured, documented)
    for line in found:
        screen.print(line, markup=False, style="red")
    seconds = round(time.monotonic() - begun)
    screen.print(f"{len(measured)} plans on {server}: {len(found)} differences, {timedelta(seconds=seconds)} in all")
    return 1 if found else 0


def _fill(conninfo: str, database: str) -> timedelta:
    with _progress() as progress:
        task = progress.add_task(f"Filling {database}", total=len(filling.steps(database)))
        return filling.fill(conninfo, database, lambda: progress.advance(task))


def _measure(connections: dict[str, Connection], chosen: list[Case]) -> list[Measured]:
    large = {database: large_tables(connection) for database, connection in connections.items()}
    measured = []
    with _progress() as progress:
        task = progress.add_task("Measuring", total=len(chosen))
        for case in chosen:
            progress.update(task, description=f"Measuring {case.file}")
            if case.arguments is not None:
                measured.append(measure(connections[case.database], case, large[case.database]))
            progress.advance(task)
    return measured


def _control(
    connections: dict[str, Connection],
    chosen: list[Case],
    measured: list[Measured],
    documented: dict[tuple[str, str], document.Documented],
) -> list[str]:
    found = []
    with _progress() as progress:
        task = progress.add_task("Losing each index", total=None)
        for database, connection in connections.items():
            for lines in control(connection, database, chosen, measured, documented):
                found += lines
                progress.advance(task)
    return found


def _summary(version: int, took: dict[str, timedelta]) -> str:
    times = ", ".join(f"{database} in {seconds.seconds} s" for database, seconds in took.items())
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
