"""A PostgreSQL server for faults, trials on it, and the table of their figures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.faults import report
from tests.faults.databases import create_databases
from tests.faults.trial import NewTrial, Trial, figures_of
from tests.harness.servers import Server, new_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPTIONS = {"max_connections": "40"}
"""Durability is PostgreSQL's default: acknowledged writes must survive a kill."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that tests stop, kill and starve; it answers again after each test."""
    with new_server(OPTIONS) as running:
        yield running


@pytest.fixture
def databases(server: Server) -> dict[str, str]:
    """Connection strings of both databases, empty, on that server."""
    return create_databases(server.conninfo)


@pytest.fixture
def new_trial(record_property: Callable[[str, object], None]) -> NewTrial:
    """Return a maker of trials whose figures are shown after the run."""
    return partial(Trial, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of every trial; with UPDATE=1, write them to docs/faults.md."""
    reports = [test for outcome in ("passed", "failed") for test in terminalreporter.getreports(outcome)]
    reports.sort(key=lambda test: test.location[:2])
    report.show([figures for test in reports for figures in figures_of(test.user_properties)], "faults.md")
