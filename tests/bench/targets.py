"""The targets on two cores, and the figures that a run reached."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.bench.results import Cell, NotMeasured, Results
from tests.bench.scenarios import EMPTY, FOLIO, LARGE, ORM, PGBENCH, TUTORIAL

Figure = Callable[[Results], float]


@dataclass(frozen=True)
class Target:
    """A bound of one figure."""

    text: str
    sign: str
    """≥ or ≤."""
    bound: float
    figure: Figure

    def row(self, results: Results) -> tuple[str, str, str, str]:
        """Return text, bound, the figure that was reached, and yes or no."""
        bound = f"{self.sign} {self.bound:g}"
        try:
            value = self.figure(results)
        except NotMeasured:
            value = math.nan
        if math.isnan(value):
            return self.text, bound, "not measured", ""
        met = value >= self.bound if self.sign == "≥" else value <= self.bound
        return self.text, bound, f"{value:,.2f}" if value < 10 else f"{value:,.0f}", "yes" if met else "no"


def _ratio(cell: Cell, yardstick: Cell, figure: str = "per_second") -> Figure:
    return lambda results: results.ratio(cell, yardstick, figure)


def _median(cell: Cell, figure: str) -> Figure:
    return lambda results: float(getattr(results.median(cell), figure))


def _cpu(cell: Cell, results: Results) -> float:
    median = results.median(cell)
    return median.service_cpu + median.server_cpu


def _p99_to_p50(cell: Cell, results: Results) -> float:
    median = results.median(cell)
    return median.p99 / median.p50


def _memory(results: Results) -> float:
    if FOLIO not in results.memory:
        raise NotMeasured(FOLIO)
    return results.memory[FOLIO]


def _start(results: Results) -> float:
    if not results.starts:
        raise NotMeasured("start")
    return sorted(results.starts)[len(results.starts) // 2]


_transfer, _hot = partial(Cell, "transfer"), partial(Cell, "transfer to one hot account")
_batch = partial(Cell, "batch of 500 transfers")
_account, _livez = partial(Cell, "account"), partial(Cell, "/livez")
_alone, _busy = partial(Cell, "account, alone"), partial(Cell, "account, while 64 clients pay")
_transfer_by_size = partial(Cell, "transfer, by size of data")
_page_by_size = partial(Cell, "statement page, by size of data")

TARGETS = (
    Target("transfers at 16 clients / pgbench at 16", "≥", 0.9, _ratio(_transfer(FOLIO, 16), _transfer(PGBENCH, 16))),
    Target("transfers at 64 clients / pgbench at 64", "≥", 1.5, _ratio(_transfer(FOLIO, 64), _transfer(PGBENCH, 64))),
    Target("transfers at 256 clients / pgbench at 64", "≥", 1.5, _ratio(_transfer(FOLIO, 256), _transfer(PGBENCH, 64))),
    Target("transfers at 16 clients / tutorial", "≥", 6, _ratio(_transfer(FOLIO, 16), _transfer(TUTORIAL, 16))),
    Target("transfers at 64 clients / tutorial", "≥", 6, _ratio(_transfer(FOLIO, 64), _transfer(TUTORIAL, 64))),
    Target("transfers at 16 clients / SQLAlchemy ORM", "≥", 6, _ratio(_transfer(FOLIO, 16), _transfer(ORM, 16))),
    Target("transfers at 64 clients / SQLAlchemy ORM", "≥", 6, _ratio(_transfer(FOLIO, 64), _transfer(ORM, 64))),
    Target("one hot account at 64 clients / spread ones", "≥", 0.9, _ratio(_hot(FOLIO, 64), _transfer(FOLIO, 64))),
    Target("one hot account at 64 clients / pgbench on it", "≥", 4, _ratio(_hot(FOLIO, 64), _hot(PGBENCH, 64))),
    Target("service CPU per transfer at 64 clients, µs", "≤", 800, _median(_transfer(FOLIO, 64), "service_cpu")),
    Target("PostgreSQL CPU per transfer at 64 clients, µs", "≤", 350, _median(_transfer(FOLIO, 64), "server_cpu")),
    Target("batch of 500, CPU per transfer in all, µs", "≤", 150, partial(_cpu, _batch(FOLIO, 4))),
    Target("batch of 500, transfers / pgbench at 64", "≥", 6, _ratio(_batch(FOLIO, 4), _transfer(PGBENCH, 64))),
    Target("account reads / empty GET", "≥", 0.3, _ratio(_account(FOLIO, 32), _account(EMPTY, 32))),
    Target("account reads / SQLAlchemy ORM", "≥", 4, _ratio(_account(FOLIO, 32), _account(ORM, 32))),
    Target("account reads / tutorial", "≥", 6, _ratio(_account(FOLIO, 32), _account(TUTORIAL, 32))),
    Target("/livez / empty GET", "≥", 0.6, _ratio(_livez(FOLIO, 32), _livez(EMPTY, 32))),
    Target("p99 / p50 of a transfer at 64 clients", "≤", 4, partial(_p99_to_p50, _transfer(FOLIO, 64))),
    Target(
        "p99 of account reads while 64 clients pay / alone", "≤", 3, _ratio(_busy(FOLIO, 16), _alone(FOLIO, 16), "p99")
    ),
    Target(
        "p50 of a transfer at 5,000,000 entries / on small data",
        "≤",
        1.3,
        _ratio(_transfer_by_size(LARGE, 16), _transfer_by_size(FOLIO, 16), "p50"),
    ),
    Target(
        "p50 of a statement page at 5,000,000 entries / on small data",
        "≤",
        1.3,
        _ratio(_page_by_size(LARGE, 16), _page_by_size(FOLIO, 16), "p50"),
    ),
    Target("memory of a worker, MB", "≤", 120, _memory),
    Target("folio serve on existing embedded data until ready, s", "≤", 3, _start),
)
