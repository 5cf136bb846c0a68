"""Steps: what an audit reads at a time, the connections that it reads from, and its findings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from repositories.audits import Check
from repositories.postgres.statements import Connection

MAX_ROWS = 100
"""Rows that a check reports: a broken invariant may have millions."""


@dataclass(frozen=True)
class Connections:
    """The connections of an audit. `reader` leads to a standby of the main database if there is one, else to main."""

    main: Connection
    catalog: Connection
    reader: Connection


@dataclass(frozen=True)
class Step:
    """What the checks found in a slice that ends at `until`; None: it was the last of its stage.

    `progress` is the part of the stage that is read, from 0 to 1, as far as it is known.
    """

    checks: Sequence[Check]
    until: str | None
    progress: float = 0.0


class Findings:
    """The checks of an audit so far, with at most MAX_ROWS rows each."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._checks: dict[str, Check] = {}

    def add(self, checks: Iterable[Check | dict[str, Any]]) -> None:
        """Add rows to checks, without those that are known."""
        for addition in checks:
            check = addition if isinstance(addition, Check) else Check(**addition)
            known = self._checks.get(check.name, Check(check.name, []))
            rows = known.rows + [row for row in check.rows if row not in known.rows]
            in_flight = known.in_flight
            if check.in_flight is not None:
                in_flight = ((in_flight or []) + check.in_flight)[:MAX_ROWS]
            self._checks[check.name] = Check(check.name, rows[:MAX_ROWS], in_flight)

    def checks(self) -> list[Check]:
        """Return the checks in the order of the names."""
        return sorted(self._checks.values(), key=lambda check: self._names.index(check.name))
