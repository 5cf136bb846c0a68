"""Keyset pages: a list continues after the last row that was read, never after a number of rows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Position:
    """A row's place in a list that is ordered by time and id, newest first."""

    time: datetime
    id: int


NEWEST = Position(datetime.max.replace(tzinfo=UTC), 2**63 - 1)
"""The position of the beginning of such a list: every row comes after it."""

OLDEST = datetime.min.replace(tzinfo=UTC)
"""A time before every row."""


@dataclass(frozen=True)
class Keyset:
    """One page of such a list: at most `limit` rows, all older than the position `before`."""

    before: Position
    limit: int

    def until(self, time: datetime | None) -> "Keyset":
        """Return the page of the rows before a time; the same page without one."""
        if time is None or time > self.before.time:
            return self
        return Keyset(Position(time, 0), self.limit)

    def arguments(self) -> dict[str, Any]:
        """Return the arguments by which every statement of such a list takes its page."""
        return {"before_time": self.before.time, "before_id": self.before.id, "limit": self.limit}
