"""The terminal: messages and progress go to standard error, results to standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

screen = Console(stderr=True, highlight=False, soft_wrap=True)
# Without a terminal rich takes 80 columns, too few for a table of sentences.
WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140
output = Console(highlight=False, soft_wrap=True, width=WIDTH)


def _quiet(as_json: bool) -> bool:  # noqa: FBT001 - typer's callback
    """Keep messages and progress from a script; errors are printed all the same."""
    screen.quiet = as_json
    return as_json


AsJson = Annotated[bool, typer.Option("--json", callback=_quiet, help="Print JSON for scripts, and nothing else.")]


def say(line: str) -> None:
    """Print a message."""
    screen.print(line, markup=False)


def put(text: str) -> None:
    """Print a result, unchanged."""
    output.print(text, markup=False)


def fail(message: str, code: int) -> NoReturn:
    """Print an error and exit with a status."""
    complain(message)
    sys.exit(code)


def complain(message: str) -> None:
    """Print an error."""
    screen.quiet = False
    screen.print("error:", style="red", end=" ")
    say(message)


class RateColumn(ProgressColumn):
    """Steps a second."""

    def __init__(self, unit: str) -> None:
        self._unit = unit
        super().__init__()

    def render(self, task: Task) -> Text:
        """Show the rate once it is known."""
        return Text("" if task.speed is None else f"{task.speed:,.0f} {self._unit}")


@contextmanager
def progress(rate: str | None = None) -> Iterator[Progress]:
    """Show a progress bar until the context ends, then remove it; with a `rate`, its unit, also the time left."""
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TimeElapsedColumn()] if rate is None else [RateColumn(rate), TimeRemainingColumn()]
    with Progress(*columns, console=screen, transient=True) as bar:
        yield bar
