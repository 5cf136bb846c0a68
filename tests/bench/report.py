"""The report of a run: tables on the terminal and in docs/performance.md, and the JSON file."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rich.table import Table

from tests.bench.results import Cell, NotMeasured, Results
from tests.bench.targets import TARGETS
from tests.harness import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.bench.scenarios import Scenario

DOCUMENT = REPOSITORY / "docs" / "performance.md"
TARGET_COLUMNS = ("figure", "target", "reached", "met")
RESULT_COLUMNS = (
    "scenario",
    "contestant",
    "clients",
    "per second",
    "ratio",
    "p50 ms",
    "p99 ms",
    "errors",
    "service µs",
    "server µs",
)
SKIPPED_COLUMNS = ("skipped", "reason")
Rows = list[tuple[str, ...]]


def target_rows(results: Results) -> Rows:
    """Return a row for each target; one that the run did not measure says so."""
    return [target.row(results) for target in TARGETS]


def result_rows(results: Results, scenarios: Iterable[Scenario]) -> Rows:
    """Return a row for each measured cell, with the ratio to the scenario's yardstick at the same number of clients.

    A yardstick with fewer clients at most, such as pgbench, is taken at its largest number.
    """
    rows = []
    for scenario in scenarios:
        for cell in (cell for cell in results.rounds if cell.scenario == scenario.name):
            median = results.median(cell)
            figures = (median.p50, median.p99, median.errors, median.service_cpu, median.server_cpu)
            ratio = _ratio(results, cell, next(iter(scenario.work)))
            rows.append((*map(str, cell), _number(median.per_second), ratio, *map(_number, figures)))
    return rows


def skipped_rows(results: Results) -> Rows:
    """Return a row for each contestant or scenario that the run left out."""
    return list(results.skipped.items())


def tables(results: Results, scenarios: Sequence[Scenario]) -> list[Table]:
    """Return the tables for the terminal."""
    parts = (
        ("Results: medians", RESULT_COLUMNS, result_rows(results, scenarios)),
        ("Memory", ("contestant", "MB of a worker"), _memory_rows(results)),
        ("Targets", TARGET_COLUMNS, target_rows(results)),
        ("Skipped", SKIPPED_COLUMNS, skipped_rows(results)),
    )
    return [_table(*part) for part in parts if part[-1]]


def update_document(results: Results, scenarios: Sequence[Scenario], summary: str) -> None:
    """Write the tables into docs/performance.md."""
    text = DOCUMENT.read_text()
    results_part = [_markdown(RESULT_COLUMNS, result_rows(results, scenarios))]
    results_part += [_markdown(("contestant", "MB of a worker"), _memory_rows(results))]
    results_part += [_markdown(SKIPPED_COLUMNS, skipped_rows(results))] if results.skipped else []
    text = _replace(text, "targets", _markdown(TARGET_COLUMNS, target_rows(results)))
    text = _replace(text, "results", f"{summary}\n\n" + "\n\n".join(results_part))
    DOCUMENT.write_text(text)


def _memory_rows(results: Results) -> Rows:
    return [(name, _number(memory)) for name, memory in results.memory.items()]


def _ratio(results: Results, cell: Cell, yardstick: str) -> str:
    clients = [other.clients for other in results.rounds if other[:2] == (cell.scenario, yardstick)]
    nearest = max((number for number in clients if number <= cell.clients), default=0)
    try:
        ratio = results.ratio(cell, Cell(cell.scenario, yardstick, nearest))
    except NotMeasured:
        return ""
    return "" if math.isnan(ratio) else f"{ratio:.2f}"


def _number(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def _table(title: str, columns: Sequence[str], rows: Rows) -> Table:
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column in _TEXTS else "right", no_wrap=column != "reason")
    previous = ""
    for row in rows:
        if previous and row[0] != previous and len(columns) == len(RESULT_COLUMNS):
            table.add_section()
        table.add_row(*row)
        previous = row[0]
    return table


_TEXTS = {"scenario", "contestant", "figure", "met", "skipped", "reason"}


def _markdown(columns: Sequence[str], rows: Rows) -> str:
    lines = [columns, ["---" if column in _TEXTS else "---:" for column in columns], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _replace(text: str, part: str, content: str) -> str:
    begin, end = f"<!-- {part}: written by make bench UPDATE=1 -->", "<!-- end -->"
    return re.sub(f"{re.escape(begin)}.*?{end}", lambda _: f"{begin}\n{content}\n{end}", text, count=1, flags=re.DOTALL)
