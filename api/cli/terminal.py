"""The terminal: where words, progress and results of the commands go."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

# Progress and words go to standard error; standard output is for what a script would read.
screen = Console(stderr=True, highlight=False, soft_wrap=True)
# What is no terminal has no width, and a table of sentences wants more than the 80 that rich takes.
WIDTH = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 140
output = Console(highlight=False, soft_wrap=True, width=WIDTH)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def say(line: str) -> None:
    """Tell the person at the terminal."""
    screen.print(line, markup=False)


def put(text: str) -> None:
    """Give the result, as it is."""
    output.print(text, markup=False)


def fail(message: str, code: int) -> NoReturn:
    """Tell what is wrong and end with an exit status."""
    complain(message)
    sys.exit(code)


def complain(message: str) -> None:
    """Tell what is wrong."""
    screen.print("error", style="red", end=" ")
    say(message)


@contextmanager
def progress() -> Iterator[Progress]:
    """Show a bar until the context ends, then nothing of it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen, transient=True) as bar:
        yield bar
