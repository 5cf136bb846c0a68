"""The table of the figures of `make failover`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults import report
from tests.faults.trial import figures_of

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures of every trial; with UPDATE=1, write them to docs/failover.md."""
    reports = [test for outcome in ("passed", "failed") for test in terminalreporter.getreports(outcome)]
    report.show([figures for test in reports for figures in figures_of(test.user_properties)], "failover.md")
