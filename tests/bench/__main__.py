"""Start everything, measure, print the tables, and write the JSON file and the plots."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from api.cli.server import stop_on_signals
from repositories.embedded import binaries
from repositories.schema.databases import DATABASES
from tests.bench import contestants, databases, loads, plots, report, rounds
from tests.bench.results import Results
from tests.bench.scenarios import GROUPS, LARGE, SCENARIOS, START, Scenario
from tests.harness import REPOSITORY
from tests.plans import filling

if TYPE_CHECKING:
    from tests.bench.databases import Server

console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
PLOTS = {"transfer": "transfers.svg", "account": "accounts.svg"}


def main() -> None:
    """Run the benchmark."""
    stop_on_signals()
    options = _options()
    results = Results()
    if options.scale != "large" and "large" in options.only:
        options.only.remove("large")
        results.skipped[LARGE] = "takes minutes to fill: SCALE=large"
    scenarios = [scenario for scenario in SCENARIOS if scenario.group in options.only]
    began, load = time.monotonic(), round(os.getloadavg()[0], 1)
    with databases.storage() as folder, ExitStack() as stack:
        if START in options.only:
            results.starts = _starts(folder / "start", options.rounds)
        server = stack.enter_context(databases.running(folder))
        _fill(server, large=options.scale == "large")
        with _progress() as progress:
            task = progress.add_task("starting the contestants", total=None)
            running = rounds.start(scenarios, server, folder, stack, results)
            progress.update(task, total=rounds.step_count(scenarios, running, options.rounds))

            def on_cell(description: str) -> None:
                progress.update(task, advance=1, description=description)

            rounds.run(scenarios, running, results, options.rounds, options.seconds, on_cell)
    facts = {"load average before": load} | _facts(options) | {"minutes": round((time.monotonic() - began) / 60, 1)}
    _report(results, scenarios, facts, Path(options.folder), update=options.update)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", default=",".join(GROUPS), help=f"comma-separated: {', '.join(GROUPS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each measurement")
    parser.add_argument("--scale", choices=["small", "large"], default="small")
    parser.add_argument("--update", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    options.only = set(options.only.split(","))
    if unknown := options.only - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    options.folder = REPOSITORY / ("docs/bench" if options.update else ".bench")
    return options


def _fill(server: Server, *, large: bool) -> None:
    with _progress() as progress:
        steps = sum(len(filling.steps(name)) for name in DATABASES)
        task = progress.add_task("filling the databases", total=1 + large * steps)
        databases.fill(server)
        progress.advance(task)
        if large:
            databases.fill_large(server, lambda: progress.advance(task))


def _starts(folder: Path, number: int) -> list[float]:
    """Return the seconds that Folio takes to become ready, so many times, on a data folder that it has made before."""
    folder.mkdir(mode=0o755)
    log = folder.with_suffix(".log")
    durations = []
    with _progress() as progress:
        for _ in progress.track(range(1 + number), description="starting Folio on its own data"):
            began = time.monotonic()
            with contestants.folio({"FOLIO_DATA_DIR": str(folder)}, log):
                durations.append(round(time.monotonic() - began, 2))
    return durations[1:]


def _facts(options: argparse.Namespace) -> dict[str, str | float]:
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": contestants.WORKERS,
        "workers": contestants.WORKERS,
        "generator": "wrk" if loads.WRK else "tests.bench.loads",
        "python": platform.python_version(),
        "postgresql": binaries.installed().version,
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def _report(
    results: Results, scenarios: list[Scenario], facts: dict[str, str | float], folder: Path, *, update: bool
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json", facts)
    for scenario, name in PLOTS.items():
        if any(cell.scenario == scenario for cell in results.rounds):
            plots.draw(results, scenario, folder / name)
    for table in report.tables(results, scenarios):
        console.print(table)
    summary = ", ".join(f"{name} {value}" for name, value in facts.items())
    console.print(f"{summary}\nWritten to {folder}")
    if update:
        report.update_document(results, scenarios, summary)


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=console)


if __name__ == "__main__":
    main()
