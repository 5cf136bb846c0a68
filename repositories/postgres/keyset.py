"""Keyset pages: a list continues after the last row that was read, never after a number of rows."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class Position:
    """The last row that was read of a list ordered by time and id, newest first."""

    time: datetime
    id: int


NEWEST = Position(datetime.max.replace(tzinfo=UTC), 2**63 - 1)
"""The position before every row."""


@dataclass(frozen=True)
class Keyset:
    """The part of a list to read: at most `limit` rows after the row at `before`."""

    before: Position
    limit: int

    def arguments(self) -> dict[str, Any]:
        """Return the arguments that every statement of such a list takes."""
        return {"before_time": self.before.time, "before_id": self.before.id, "limit": self.limit}
