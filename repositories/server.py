"""Reports of the server: version, durability, replication, clock, limits, connections, privileges, activity."""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from repositories.postgres.statements import Connection, statement

STATE = statement("both/server/state")
REPLICATION = statement("both/server/replication")
CLOCK = statement("both/server/clock")
LIMITS = statement("both/server/limits")
CONNECTIONS = statement("both/server/connections")
PRIVILEGES = statement("both/server/privileges")
ACTIVITY = statement("both/server/activity")
BLOCKERS = statement("both/server/blockers")
BUSY = statement("both/server/busy")
IDENTITY = statement("both/server/identity")
LIST_DATABASES = statement("both/server/list_databases")

_NAME = re.compile(r"/\* (\S+) \*/")


@dataclass(frozen=True)
class State:
    """The server's version, whether it takes writes, its durability settings as this session has them, and the locale.

    The collation's versions are None if the locale has none, as C.
    """

    version: str
    version_number: int
    standby: bool
    read_only: bool
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    data_checksums: str
    encoding: str
    locale: str
    indexed_collation: str | None
    present_collation: str | None


@dataclass(frozen=True)
class Replication:
    """The server's part in replication; `seconds_behind` is None on a primary, and if a standby cannot tell."""

    standby: bool
    seconds_behind: Decimal | None
    synchronous_standbys: str

    def __str__(self) -> str:
        if not self.standby:
            return f"primary, synchronous standbys: {self.synchronous_standbys or 'none'}"
        behind = "an unknown time" if self.seconds_behind is None else f"{self.seconds_behind:.1f} s"
        return f"standby, {behind} behind"


@dataclass(frozen=True)
class Clock:
    """Seconds by which the server's clock is ahead of this machine's, give or take `uncertainty` seconds."""

    ahead: float
    uncertainty: float


@dataclass(frozen=True)
class Limits:
    """The server's address, the connections that it allows, and those of them that only privileged roles may use."""

    address: str
    max_connections: int
    reserved_connections: int


@dataclass(frozen=True)
class Identity:
    """The cluster and the database of a session: equal for two sessions if they are in the same database."""

    cluster: str
    database: int


@dataclass(frozen=True)
class ConnectionCounts:
    """The server's open connections: Folio's, and all others."""

    folio: int
    others: int


@dataclass(frozen=True)
class Privileges:
    """The login of a session, and whether it is a superuser or owns the database or one of its tables."""

    login: str
    superuser: bool
    owner: bool


@dataclass(frozen=True)
class Activity:
    """One backend: `query` is its current statement, or its last one if the backend is idle."""

    pid: int
    state: str | None
    wait_event_type: str | None
    wait_event: str | None
    query: str | None
    query_seconds: float | None
    blocked_by: list[int]

    @property
    def statement(self) -> str | None:
        """The statement's file below sql/; the query itself if it comes from no file, such as COMMIT."""
        return _file_or_query(self.query)


@dataclass(frozen=True)
class Blocker:
    """A backend that blocks others and waits for no lock itself; PID 0 is a prepared transaction.

    State, times and query are None if this role may not see them.
    """

    pid: int
    username: str | None
    application: str | None
    database: str | None
    client: str | None
    state: str | None
    state_seconds: float | None
    transaction_seconds: float | None
    query: str | None

    @property
    def statement(self) -> str | None:
        """The file below sql/ of its current or last statement; the query itself if it comes from no file."""
        return _file_or_query(self.query)


@dataclass(frozen=True)
class _Time:
    seconds: float


async def read_state(connection: Connection) -> State:
    """Read the version of the server and the settings that decide if a commit survives a crash."""
    return await STATE.one(connection, State)


async def read_replication(connection: Connection) -> Replication:
    """Read whether the server is the primary or a standby, how far behind, and its synchronous standbys."""
    return await REPLICATION.one(connection, Replication)


async def read_clock(connection: Connection) -> Clock:
    """Compare the server's clock with this machine's; the uncertainty is half a round trip."""
    await CLOCK.one(connection, _Time)  # prepares the statement, so that the next round trip is short
    before = time.time()
    server = (await CLOCK.one(connection, _Time)).seconds
    after = time.time()
    return Clock(ahead=server - (before + after) / 2, uncertainty=(after - before) / 2)


async def read_limits(connection: Connection) -> Limits:
    """Read the address of the server and how many connections it allows."""
    return await LIMITS.one(connection, Limits)


async def read_identity(connection: Connection) -> Identity:
    """Read the identity of this database, equal for every address that leads to it."""
    return await IDENTITY.one(connection, Identity)


async def read_connections(connection: Connection) -> ConnectionCounts:
    """Count the server's open connections, without those of this process."""
    return await CONNECTIONS.one(connection, ConnectionCounts)


async def read_privileges(connection: Connection) -> Privileges:
    """Read which privileges the connection's login has that serving does not need."""
    return await PRIVILEGES.one(connection, Privileges)


async def read_activity(connection: Connection, *, pids: Iterable[int]) -> Mapping[int, Activity]:
    """Read the activity of backends, by PID.

    A backend that has ended is missing; the fields that this role may not see are None.
    """
    return {row.pid: row for row in await ACTIVITY.all(connection, Activity, pids=list(pids))}


async def read_blockers(connection: Connection, *, pids: Iterable[int]) -> list[Blocker]:
    """Read the root blockers of backends: they block them, directly or through others, and wait for no lock."""
    return await BLOCKERS.all(connection, Blocker, pids=list(pids))


async def is_busy(connection: Connection, *, milliseconds: int) -> bool:
    """Tell if a backend of the database works for a client other than an audit, or did in the last `milliseconds`."""
    [busy] = await BUSY.values(connection, milliseconds=milliseconds)
    return bool(busy)


async def read_databases(connection: Connection) -> list[str]:
    """List the names of the server's databases."""
    return await LIST_DATABASES.values(connection)


def _file_or_query(query: str | None) -> str | None:
    comment = _NAME.search(query or "")
    return comment[1] if comment else query
