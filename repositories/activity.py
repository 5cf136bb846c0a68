"""Activity: what the server says of backends, for those that somebody holds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from repositories.statements import Connection, statement

ACTIVITY = statement("both/server/activity")

_NAME = re.compile(r"/\* (\S+) \*/")


@dataclass(frozen=True)
class Activity:
    """One backend: `query` is its present statement, or its last one where the state is idle."""

    pid: int
    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    query: str | None
    query_seconds: float | None
    blocked_by: list[int]

    @property
    def statement(self) -> str | None:
        """The file of the statement below sql/; what was sent, for one that has none, such as COMMIT."""
        named = _NAME.search(self.query or "")
        return named[1] if named else self.query


async def read(connection: Connection, *, pids: Iterable[int]) -> Mapping[int, Activity]:
    """Return what backends are doing by PID; what has ended, or what this role may not see, is left out or empty."""
    return {row.pid: row for row in await ACTIVITY.all(connection, Activity, pids=list(pids))}
