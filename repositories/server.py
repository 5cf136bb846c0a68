"""Diagnosis: what a server says of itself that Folio's promises rest on. It is read here, and judged in findings."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

STATE = statement("both/server/state")
CLOCK = statement("both/server/clock")
CONNECTIONS = statement("both/server/connections")
ACTIVITY = statement("both/server/activity")

_NAME = re.compile(r"/\* (\S+) \*/")


@dataclass(frozen=True)
class State:
    """A server's version, whether it takes writes, and its settings of durability as this session has them."""

    version: str
    version_number: int
    standby: bool
    read_only: bool
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    data_checksums: str


@dataclass(frozen=True)
class Use:
    """Connections that a server has now."""

    folio: int
    others: int


@dataclass(frozen=True)
class Clock:
    """By how many seconds the server's clock is ahead of this machine's, give or take `uncertainty`."""

    ahead: float
    uncertainty: float


@dataclass(frozen=True)
class _Time:
    seconds: float


async def read_state(connection: Connection) -> State:
    """Return what the server is, and what becomes of a commit."""
    return await STATE.one(connection, State)


async def read_use(connection: Connection) -> Use:
    """Return how many connections there are beside this one."""
    return await CONNECTIONS.one(connection, Use)


async def read_clock(connection: Connection) -> Clock:
    """Compare the clocks: the server looked at its own somewhere within the round trip."""
    await CLOCK.one(connection, _Time)  # prepared, so that the next is one short round trip
    before = time.time()
    server = (await CLOCK.one(connection, _Time)).seconds
    after = time.time()
    return Clock(ahead=server - (before + after) / 2, uncertainty=(after - before) / 2)


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


async def read_activity(connection: Connection, *, pids: Iterable[int]) -> Mapping[int, Activity]:
    """Return what backends are doing by PID; what has ended, or what this role may not see, is left out or empty."""
    return {row.pid: row for row in await ACTIVITY.all(connection, Activity, pids=list(pids))}
