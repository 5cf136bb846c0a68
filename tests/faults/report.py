"""The table of figures, on the terminal and, with UPDATE=1, in a page of docs/."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.harness import REPOSITORY

if TYPE_CHECKING:
    from tests.faults.trial import Figures

DOCUMENTS = REPOSITORY / "docs"
COLUMNS = ("fault", "tries", "answered 503", "violations", "longest answer", "recovery")
_TABLE = re.compile(r"\| fault \|.*?\n\n", re.DOTALL)


def show(trials: list[Figures], page: str) -> None:
    """Print the figures; if UPDATE is set, write them to a page, such as faults.md."""
    table = Table(*COLUMNS, title=page)
    for figures in trials:
        table.add_row(*_row(figures))
    Console().print(table)
    for figures in trials:
        Console().print(figures.fault, figures.refused, *figures.violations[:20], sep="\n    ", highlight=False)
    if os.environ.get("UPDATE"):
        lines = [COLUMNS, ("---",) * len(COLUMNS), *map(_row, trials)]
        rows = "".join(f"| {' | '.join(line)} |\n" for line in lines)
        document = DOCUMENTS / page
        document.write_text(_TABLE.sub(lambda _: rows + "\n", document.read_text(), count=1))


def _row(figures: Figures) -> tuple[str, ...]:
    numbers = (figures.tries, sum(sum(routes.values()) for routes in figures.refused.values()), len(figures.violations))
    return (figures.fault, *map(str, numbers), f"{figures.longest:.1f} s", f"{figures.recovery:.1f} s")
