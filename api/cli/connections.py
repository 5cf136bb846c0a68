"""The connections of one server: how many it has, and one check of each per interval."""

import asyncio
import resource
from collections import OrderedDict
from typing import Protocol, cast
from weakref import WeakKeyDictionary

import structlog
from uvicorn.server import ServerState

log = structlog.get_logger()

MAX_CONNECTIONS = 10_000
"""Open connections of a process; one more closes the connection that has waited longest for a request."""
RESERVED_FILES = 128
"""File descriptors that connections leave for the databases, the logs and the embedded server."""
CHECK_INTERVAL_SECONDS = 1.0
"""Seconds between two checks of every connection: a timer for each would cost each request."""


class Connection(Protocol):
    """A connection of the server."""

    transport: asyncio.Transport

    def check(self, now: float) -> None:
        """Close the connection if its time is over."""


class Connections:
    """The connections of one server: their number is bounded, and each is checked once per interval."""

    def __init__(self, server_state: ServerState, loop: asyncio.AbstractEventLoop) -> None:
        self.limit = connection_limit()
        self.waiting: OrderedDict[Connection, None] = OrderedDict()
        """The connections without a request in progress, the longest wait first."""
        self._all = server_state.connections
        self._loop = loop
        self._checking = False

    def admit(self, connection: Connection) -> None:
        """Take a new connection in. At the limit, the connection that has waited longest makes room."""
        if len(self._all) > self.limit:
            longest = next(iter(self.waiting), connection)
            self.waiting.pop(longest, None)
            longest.transport.abort()
        if not self._checking:
            self._checking = True
            self._loop.call_later(CHECK_INTERVAL_SECONDS, self._check)

    def _check(self) -> None:
        self._checking = bool(self._all)
        if self._checking:
            self._loop.call_later(CHECK_INTERVAL_SECONDS, self._check)
        now = self._loop.time()
        for connection in tuple(self._all):
            cast(Connection, connection).check(now)


_SERVERS: WeakKeyDictionary[ServerState, Connections] = WeakKeyDictionary()


def connections_of(server_state: ServerState, loop: asyncio.AbstractEventLoop) -> Connections:
    """Return the connections of a server."""
    connections = _SERVERS.get(server_state)
    if connections is None:
        connections = _SERVERS[server_state] = Connections(server_state, loop)
    return connections


def connection_limit() -> int:
    """Return how many connections this process may have: fewer than file descriptors."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(16, min(MAX_CONNECTIONS, files - RESERVED_FILES))


def raise_file_limit() -> None:
    """Raise the limit of file descriptors to the hard limit, as far as the system lets a process."""
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MAX_CONNECTIONS if most == resource.RLIM_INFINITY else most
    if files != resource.RLIM_INFINITY and files < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
        except (OSError, ValueError):
            log.warning("file_limit", files=files, advice="Raise it with ulimit -n.")
