"""The pools: one for each database, and the one connection of it that a request holds."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from repositories.postgres import connections, metrics, work
from repositories.postgres.deadlines import remaining
from repositories.postgres.errors import DatabaseUnavailable, Fault, PoolExhausted
from repositories.postgres.holders import Holder, Holders
from repositories.postgres.pool_stats import PoolStats
from repositories.postgres.statements import Connection

# psycopg doubles its pause between attempts up to this, and then begins anew: its default of 300 s would sleep through
# a recovery; 1 s, after an attempt that took 3 s to fail, is under 5 s.
RECONNECT_TIMEOUT = 1.0
CLOSE_TIMEOUT = 0.5
"""Seconds for attempts to connect to end, when the pool is closed."""
REMEMBERED = 1000
"""Waits and holds of which a pool knows each: the latest."""


@dataclass(frozen=True)
class PoolOptions:
    """How large a pool is and how long things may take, in seconds, by psycopg's names."""

    min_size: int
    max_size: int
    timeout: float
    max_waiting: int
    max_lifetime: float
    max_idle: float
    soft_limit: float


class Database:
    """One database and its pool. Open it before use, close it after."""

    def __init__(self, name: str, conninfo: str, options: PoolOptions, *, purpose: str = "serve") -> None:
        self.name = name
        self.conninfo = conninfo
        self.options = options
        self.holders = Holders(name, options.soft_limit)
        self.waits: deque[float] = deque(maxlen=REMEMBERED)
        """Seconds that the latest checkouts waited."""
        self.holds: deque[float] = deque(maxlen=REMEMBERED)
        """Seconds that the latest holders held."""
        # psycopg's own count has those who gave up, too, until a connection comes back.
        self._waiting = 0
        self._timeouts = 0
        self._refusals = 0
        self._opened = 0
        self._largest = 0
        self._peak = 0
        self._served = 0
        self._reported = PoolStats()
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=connections.BoundedConnection,
            kwargs=connections.parameters(purpose),
            configure=self._configure,
            open=False,
            name=name,
            min_size=options.min_size,
            max_size=options.max_size,
            timeout=options.timeout,
            max_waiting=options.max_waiting,
            max_lifetime=options.max_lifetime,
            max_idle=options.max_idle,
            reconnect_timeout=RECONNECT_TIMEOUT,
            # By itself it would begin anew only for a request that comes later, and forget those that wait.
            reconnect_failed=AsyncConnectionPool.check,
        )

    async def open(self) -> None:
        """Start connecting in the background; a database that is away makes requests fail, not this."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection: who still holds one waits for a database that does not answer."""
        for holder in self.holders:
            connections.hang_up(holder.connection)
        await self._pool.close(CLOSE_TIMEOUT)

    @asynccontextmanager
    async def checkout(self) -> AsyncIterator["Checkout"]:
        """Hold one connection until the context ends.

        PoolExhausted when the queue is full or the wait was too long, DatabaseUnavailable when none could be opened.
        """
        async with AsyncExitStack() as held:
            yield Checkout(self, held, await self.take(held))

    async def take(self, held: AsyncExitStack) -> Connection:
        """Check a live connection out of the pool into `held`, which gives it back."""
        while True:
            connection = await self._enter(held)
            if not connections.hung_up(connection):
                return connection
            # The server was restarted or ended this backend while it idled: the pool replaces what comes back closed.
            await connection.close()
            await held.aclose()

    def stats(self) -> PoolStats:
        """Return how the pool stands."""
        # What is zero is left out.
        found = self._pool.get_stats().get
        self._largest = max(self._largest, found("pool_size", 0))
        return PoolStats(
            size=found("pool_size", 0),
            max_size=self.options.max_size,
            in_use=len(self.holders),
            peak_in_use=self._peak,
            waiting=self._waiting,
            checkouts=found("requests_num", 0),
            timeouts=self._timeouts,
            refusals=self._refusals,
            connects=found("connections_num", 0),
            connect_errors=found("connections_errors", 0),
            reconnects=max(self._reported.reconnects, self._opened - self._largest),
            bad_connections=found("returns_bad", 0) + found("connections_lost", 0),
        )

    def report(self) -> None:
        """Tell the metrics how the pool stands."""
        stats = self.stats()
        stats.report(self.name, self._reported)
        self._reported = stats

    async def _configure(self, connection: Connection) -> None:
        await connections.configure(connection)
        self._opened += 1

    async def _enter(self, held: AsyncExitStack) -> Connection:
        timeout = remaining(self.options.timeout)
        started, served = time.monotonic(), self._served
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout):
                connection = await held.enter_async_context(self._pool.connection(timeout=timeout))
        except TooManyRequests:
            self._refusals += 1
            if self._waiting > self.options.max_waiting:
                raise PoolExhausted(f"Too many requests are waiting for the {self.name} database.") from None
            # psycopg's queue is full of those who gave up, since no connection has come back meanwhile.
            raise self._timed_out(served) from None
        except (PoolTimeout, TimeoutError):
            self._timeouts += 1
            raise self._timed_out(served) from None
        except PoolClosed:
            raise DatabaseUnavailable("Folio is shutting down.") from None
        finally:
            self._waiting -= 1
            self._waited(time.monotonic() - started)
        held.callback(self._given_back, self.holders.add(work.current(), connection))
        self._peak = max(self._peak, len(self.holders))
        self._served += 1
        return connection

    def _waited(self, seconds: float) -> None:
        self.waits.append(seconds)
        metrics.POOL_WAIT_SECONDS.labels(self.name).observe(seconds)
        if (doing := work.current()) is not None:
            doing.pool_seconds += seconds

    def _given_back(self, holder: Holder) -> None:
        self.holders.remove(holder)
        self.holds.append(holder.seconds)
        metrics.POOL_HOLD_SECONDS.labels(self.name).observe(holder.seconds)

    def _timed_out(self, served: int) -> Fault:
        """Say what kept a connection from who began to wait when `served` had been handed out."""
        # Between two who hold one for a moment, nobody does.
        if self._served > served or len(self.holders) >= self.options.max_size:
            return PoolExhausted(f"No connection to the {self.name} database is free.")
        return DatabaseUnavailable(f"The {self.name} database cannot be reached.")


class Checkout:
    """One connection of one database, held for one request; replaced when it is lost, given back once."""

    def __init__(self, database: Database, held: AsyncExitStack, connection: Connection) -> None:
        self._database = database
        self._held = held
        self.connection = connection

    async def give_back(self) -> None:
        """Give the connection back early, for others to use while this request waits for something else."""
        await self._held.aclose()

    async def renew(self) -> None:
        """Give the connection back and take another: never two at once, which could deadlock the pool."""
        await self.give_back()
        self.connection = await self._database.take(self._held)
