"""The results of a run: one measurement for each cell and round, their medians and ratios, and the JSON file."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict, astuple, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class NotMeasured(Exception):
    """The run has no measurement of a cell."""


class Cell(NamedTuple):
    """One cell of the table: a scenario, a contestant, and the number of clients."""

    scenario: str
    contestant: str
    clients: int


@dataclass(frozen=True)
class Measurement:
    """One contestant under load for some seconds."""

    per_second: float
    """Successful requests, or transfers of a batch."""
    p50: float
    """Milliseconds, as p99."""
    p99: float
    errors: float
    """Requests without a 2xx answer."""
    service_cpu: float
    """Microseconds per success, as server_cpu; NaN if other load ran at the same time."""
    server_cpu: float


@dataclass
class Results:
    """The measurements of a run, in the order of their cells."""

    rounds: dict[Cell, list[Measurement]] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Reason for leaving a contestant or scenario out, by name."""
    memory: dict[str, float] = field(default_factory=dict)
    """MB of the largest worker after the run, by contestant."""
    starts: list[float] = field(default_factory=list)
    """Seconds from the start of `folio serve` on existing embedded data until it is ready."""

    def add(self, cell: Cell, measurement: Measurement) -> None:
        """Add the measurement of the next round."""
        self.rounds.setdefault(cell, []).append(measurement)

    def median(self, cell: Cell) -> Measurement:
        """Return the median of each figure over the rounds that have it. Raises NotMeasured."""
        figures = zip(*map(astuple, self._of(cell)), strict=True)
        return Measurement(*map(_median, figures))

    def ratio(self, cell: Cell, yardstick: Cell, figure: str = "per_second") -> float:
        """Return the median over the rounds of the ratio within a round. Raises NotMeasured.

        The load of other programs changes between rounds, and less so within one.
        """
        pairs = zip(self._of(cell), self._of(yardstick), strict=False)
        return _median(_quotient(getattr(a, figure), getattr(b, figure)) for a, b in pairs)

    def write(self, path: Path, facts: dict[str, str | float]) -> None:
        """Write the JSON file, with facts about the run such as its machine."""
        cells = [
            cell._asdict() | {"median": _finite(self.median(cell)), "rounds": list(map(_finite, measurements))}
            for cell, measurements in self.rounds.items()
        ]
        content = facts | {
            "cells": cells,
            "skipped": self.skipped,
            "worker_memory_mb": self.memory,
            "start_seconds": self.starts,
        }
        path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")

    def _of(self, cell: Cell) -> list[Measurement]:
        try:
            return self.rounds[cell]
        except KeyError:
            raise NotMeasured(cell) from None


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not exceeded by so many percent of the values; NaN if there is none."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def _median(values: Iterable[float]) -> float:
    """Return the median without NaN, which a round without a success has; NaN if no value is left."""
    numbers = [value for value in values if not math.isnan(value)]
    return statistics.median(numbers) if numbers else math.nan


def _quotient(dividend: float, divisor: float) -> float:
    return dividend / divisor if divisor else math.nan


def _finite(measurement: Measurement) -> dict[str, float | None]:
    return {name: round(value, 3) if math.isfinite(value) else None for name, value in asdict(measurement).items()}
