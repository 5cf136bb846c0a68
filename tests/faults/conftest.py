"""A PostgreSQL that faults may befall, services on it, and the table of what came of each fault."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.faults import report
from tests.faults.databases import create_databases
from tests.faults.trial import Trial, figures_of
from tests.harness.servers import Server, new_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 40
OPTIONS = {"max_connections": str(CONNECTIONS)}
"""All else is PostgreSQL's default: what was acknowledged must outlive a kill."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A server that is stopped, killed and starved, and answers again after each test."""
    with new_server(OPTIONS) as running:
        yield running


@pytest.fixture
def databases(server: Server) -> dict[str, str]:
    """Both databases on that server, empty: how to connect to each."""
    return create_databases(server.conninfo)


@pytest.fixture
def trial(record_property: Callable[[str, object], None]) -> Callable[..., Trial]:
    """Make a trial whose figures are shown in the end."""
    return partial(Trial, record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of every fault that was tried, and keep them where that is asked for."""
    reports = [each for outcome in ("passed", "failed") for each in terminalreporter.getreports(outcome)]
    reports.sort(key=lambda each: each.location[:2])
    report.show([figures for each in reports for figures in figures_of(each.user_properties)])
