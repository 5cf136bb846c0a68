"""Keyset pages: a list goes on after the last row seen, never after a number of rows."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Position:
    """The last row seen of a list that is ordered by time and id, newest first."""

    time: datetime
    id: int


NEWEST = Position(datetime.max.replace(tzinfo=UTC), 2**63 - 1)
"""Before every row."""
