"""The rounds of a run: every cell is measured once in each round, so that contestants take turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.contestants import CONTESTANTS, Contestant, Unavailable
from tests.bench.results import Cell, Results

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from tests.bench.databases import Server
    from tests.bench.scenarios import Scenario

WARM_UP_CLIENTS = 16
WARM_UP_SECONDS = 1.0


def start(
    scenarios: Sequence[Scenario], server: Server, folder: Path, stack: ExitStack, results: Results
) -> dict[str, Contestant]:
    """Start the contestants of the scenarios; note those that are unavailable in the results."""
    running = {}
    for name in dict.fromkeys(name for scenario in scenarios for name in scenario.work):
        try:
            running[name] = stack.enter_context(CONTESTANTS[name](server, folder / f"{name}.log"))
        except Unavailable as error:
            results.skipped[name] = str(error)
    return running


def cells(scenarios: Sequence[Scenario], running: Mapping[str, Contestant]) -> Iterator[tuple[Scenario, Cell]]:
    """Yield the cells of a round; each number of clients is measured for all contestants before the next one."""
    for scenario in scenarios:
        for clients in scenario.clients:
            for name in _names(scenario, running):
                if clients <= running[name].max_clients:
                    yield scenario, Cell(scenario.name, name, clients)


def _names(scenario: Scenario, running: Mapping[str, Contestant]) -> list[str]:
    """Return the running contestants of a scenario; none if the others of a comparison are missing."""
    names = [name for name in scenario.work if name in running]
    return names if len(names) > 1 or len(scenario.work) == 1 else []


def run(
    scenarios: Sequence[Scenario],
    running: Mapping[str, Contestant],
    results: Results,
    rounds: int,
    seconds: float,
    on_cell: Callable[[str], None],
) -> None:
    """Warm up, measure every cell in each round, and add the measurements and the workers' memory to the results."""
    for scenario in scenarios:
        for name in _names(scenario, running):
            on_cell(f"warming up: {scenario.name}, {name}")
            running[name].measure(scenario.work[name], WARM_UP_CLIENTS, min(WARM_UP_SECONDS, seconds), None)
    for number in range(1, rounds + 1):
        for scenario, cell in cells(scenarios, running):
            on_cell(f"round {number}: {cell.scenario}, {cell.contestant}, {cell.clients} clients")
            work = scenario.work[cell.contestant]
            results.add(cell, running[cell.contestant].measure(work, cell.clients, seconds, scenario.background))
    for name, contestant in running.items():
        if (memory := contestant.memory()) is not None:
            results.memory[name] = round(memory, 1)


def step_count(scenarios: Sequence[Scenario], running: Mapping[str, Contestant], rounds: int) -> int:
    """Return the number of times that `run` calls on_cell."""
    warm_ups = sum(len(_names(scenario, running)) for scenario in scenarios)
    return warm_ups + rounds * len(list(cells(scenarios, running)))
