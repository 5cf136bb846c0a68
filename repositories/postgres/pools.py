"""Connection pools: one for each database. A request checks out one connection of a database at a time."""

import asyncio
import math
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Self, cast

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from repositories.postgres import connections, operation
from repositories.postgres.checkouts import CheckedOutConnection, CheckedOutConnections
from repositories.postgres.commits import Commits
from repositories.postgres.errors import DatabaseUnavailable, Fault, PoolExhausted, ReadOnlyServer, fault
from repositories.postgres.operation import remaining
from repositories.postgres.pool_stats import PoolCounts, PoolStats
from repositories.postgres.shares import Shares
from repositories.postgres.statements import Connection

RECONNECT_TIMEOUT = 1.0
"""Longest pause in seconds between attempts to connect; psycopg doubles the pause up to this, then starts again.

psycopg's default of 300 s would sleep through a recovery. With 1 s, after an attempt that took 3 s to fail, the pool is
back within 5 s.
"""
READ_ONLY_SECONDS = 1.0
"""Seconds after which a connection that takes no writes is replaced at its next checkout: a freeze may have ended."""
CLOSE_TIMEOUT = 0.5
"""Seconds that closing a pool waits for its attempts to connect."""


@dataclass(frozen=True)
class PoolOptions:
    """The limits of a pool, by psycopg's names; times in seconds.

    Two are Folio's: a connection that is checked out for longer than `soft_limit` is logged, and one caller has at most
    `share_per_caller` of the connections at once.
    """

    min_size: int
    max_size: int
    timeout: float
    max_waiting: int
    max_lifetime: float
    max_idle: float
    soft_limit: float
    share_per_caller: float = 1.0


class Pool:
    """The pool of one database. Open it before use and close it afterwards."""

    def __init__(self, name: str, conninfo: str, options: PoolOptions, *, purpose: str = "serve") -> None:
        self.name = name
        self.conninfo = conninfo
        self.options = options
        self.checked_out = CheckedOutConnections(name, options.soft_limit)
        self.counts = PoolCounts(name)
        self.commits = Commits(name, options.max_size)
        self._refusal: ReadOnlyServer | None = None
        """Set if the last attempt to connect reached a standby."""
        self._shares = Shares(max(1, int(options.max_size * options.share_per_caller)))
        self._writable_at = 0.0
        """The time of the last `expect_writes`."""
        self._places = 0
        """Places of the pool that have had a connection; each further connection replaces another one."""
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=self._connection_class(),
            kwargs=connections.parameters(conninfo, purpose),
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
            # Without this, psycopg would start again only for a later request, and not for those that already wait.
            reconnect_failed=AsyncConnectionPool.check,
        )

    async def open(self) -> None:
        """Start to connect, in the background: a database that is away fails requests, not this."""
        await self._pool.open()

    async def close(self) -> None:
        """Close every connection. A statement in progress ends with an error: its database may never answer."""
        for record in self.checked_out:
            connections.hang_up(record.connection)
        await self._pool.close(CLOSE_TIMEOUT)

    def checkout(self, seconds: float = math.inf) -> "Checkout":
        """Check out one connection until the context ends.

        A caller that has its share of the connections waits in a queue of its own until it returns one; both waits
        together last at most the checkout timeout, or `seconds` if that is less. Raises PoolExhausted if a queue is
        full or the wait takes too long while connections are in use, and DatabaseUnavailable if none can be opened.
        """
        return Checkout(self, seconds)

    async def take(self, seconds: float = math.inf) -> CheckedOutConnection:
        """Take a live connection, as `checkout` does."""
        while True:
            record = await self._take(seconds)
            if not (connections.hung_up(record.connection) or self._frozen(record.connection)):
                return record
            # The server was restarted, it ended this idle session, or it may take writes again on a new one. The pool
            # replaces a closed connection.
            try:
                await record.connection.close()
            finally:
                await self.put_back(record)

    async def put_back(self, record: CheckedOutConnection) -> None:
        """Return a connection."""
        self.checked_out.remove(record)
        self.counts.add_checkout(record.seconds)
        try:
            await self._pool.putconn(record.connection)
        finally:
            self._end_claim(record.share_of)

    def expect_writes(self) -> None:
        """Record that a new connection takes writes now: connections that take none are replaced at their checkout."""
        self._writable_at = time.monotonic()

    def is_free(self) -> bool:
        """Return True if the operation in progress would get a connection without waiting for others."""
        current = operation.current()
        in_use = len(self.checked_out) + self.counts.waiting
        return in_use < self.options.max_size and (current is None or self.has_room(current.caller))

    def has_room(self, caller: Hashable | None) -> bool:
        """Return True if a caller has less than its share of the connections."""
        return caller is None or self._shares.limit >= self.options.max_size or self._shares.has_room(caller)

    def refuse_if_full(self) -> None:
        """Raise PoolExhausted if as many operations wait as may."""
        if self.counts.waiting >= self.options.max_waiting:
            self.counts.add("refusals")
            raise PoolExhausted(f"Too many requests are waiting for the {self.name} database.")

    def stats(self) -> PoolStats:
        """Return the statistics of the pool at this moment."""
        psycopg_stats = self._pool.pop_stats()
        self.counts.take_over(psycopg_stats)
        counts = self.counts
        return PoolStats(
            size=psycopg_stats["pool_size"],
            max_size=self.options.max_size,
            in_use=len(self.checked_out),
            peak_in_use=self.checked_out.peak,
            waiting=self.counts.waiting,
            checkouts=counts["checkouts"],
            timeouts=counts["timeouts"],
            refusals=counts["refusals"],
            connects=counts["connects"],
            connect_errors=counts["connect_errors"],
            reconnects=counts["reconnects"],
            bad_connections=counts["bad_connections"],
        )

    def report(self) -> None:
        """Bring the metrics of the pool up to date."""
        self.stats().report(self.name)

    def _connection_class(self) -> type[connections.BoundedConnection]:
        """Return a class that knows its pool, and records if a standby was reached: psycopg's pool only logs why."""
        pool = self

        class PooledConnection(connections.BoundedConnection):
            commits = pool.commits

            @classmethod
            async def connect(cls, *arguments: Any, **options: Any) -> Self:
                try:
                    connection = await super().connect(*arguments, **options)
                except psycopg.Error as error:
                    refusal = fault(error)
                    pool._refusal = refusal if isinstance(refusal, ReadOnlyServer) else None
                    raise
                pool._refusal = None
                connection.opened_at = time.monotonic()
                return connection

        return PooledConnection

    async def _configure(self, connection: Connection) -> None:
        await connections.configure(connection)
        if self._places < self._pool.get_stats()["pool_size"]:
            self._places += 1
        else:
            self.counts.add("reconnects")

    async def _take(self, seconds: float) -> CheckedOutConnection:
        timeout = remaining(min(self.options.timeout, seconds))
        started, total = time.monotonic(), self.checked_out.total
        full = len(self.checked_out) >= self.options.max_size
        current = operation.current()
        caller = None if current is None or self._shares.limit >= self.options.max_size else current.caller
        has_share = self.has_room(caller)
        claim = None
        try:
            with self.counts.wait():
                if caller is not None:
                    await self._claim_share(caller, timeout)
                    claim = caller
                left = max(0.0, timeout - (time.monotonic() - started))
                connection = await self._pool.getconn(left)
        except (psycopg.Error, TimeoutError) as error:
            self._end_claim(claim)
            raise self._refused(error, total, full=full, has_share=has_share) from None
        except asyncio.CancelledError:
            self._end_claim(claim)
            raise
        return self.checked_out.add(current, connection, share_of=claim)

    async def _claim_share(self, caller: Hashable, seconds: float) -> None:
        """Wait until the caller has less than its share, for so many seconds at most."""
        if not self._shares.has_room(caller) and self.counts.waiting > self.options.max_waiting:
            raise TooManyRequests
        async with asyncio.timeout(seconds):
            await self._shares.claim(caller)

    def _end_claim(self, caller: Hashable | None) -> None:
        if caller is not None:
            self._shares.release(caller)

    def _frozen(self, connection: Connection) -> bool:
        opened_at = cast("connections.BoundedConnection", connection).opened_at
        since = max(self._writable_at, time.monotonic() - READ_ONLY_SECONDS)
        return opened_at < since and connections.read_only(connection)

    def _refused(self, error: Exception, total: int, *, full: bool, has_share: bool) -> Exception:
        """Count a checkout that failed; return the error to raise.

        `has_share` is False if the caller had its whole share in use when the wait began.
        """
        if isinstance(error, TooManyRequests):
            self.refuse_if_full()
            self.counts.add("refusals")
            # Until a connection is returned, psycopg's queue also has the requests that gave up: it is full of those.
            return self._timed_out(total, full=full)
        if isinstance(error, (PoolTimeout, TimeoutError)):
            self.counts.add("timeouts")
            if has_share:
                return self._timed_out(total, full=full)
            return PoolExhausted(f"All connections to the {self.name} database that one caller may have are in use.")
        if isinstance(error, PoolClosed):
            return DatabaseUnavailable("Folio is shutting down.")
        return error

    def _timed_out(self, total: int, *, full: bool) -> Fault:
        """Return the fault for a wait that got no connection; when it began, `total` had been handed out.

        `full` is True if all connections were checked out then.
        """
        # A busy pool can be unused for an instant, so a connection handed out meanwhile also counts as "in use". If one
        # is idle, the time was up before this operation could take it.
        idle = self._pool.get_stats()["pool_available"]
        if full or idle or self.checked_out.total > total or len(self.checked_out) >= self.options.max_size:
            return PoolExhausted(f"No connection to the {self.name} database is free.")
        return self._refusal or DatabaseUnavailable(f"The {self.name} database cannot be reached.")


class Checkout:
    """One connection of one database, within a context; it can be replaced if it is lost, and returned early."""

    connection: Connection

    def __init__(self, pool: Pool, seconds: float) -> None:
        self._pool = pool
        self._seconds = seconds
        self._record: CheckedOutConnection | None = None

    async def __aenter__(self) -> Self:
        await self._take(self._seconds)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.give_back()

    async def give_back(self) -> None:
        """Return the connection early, so that others can use it while this request waits for something else."""
        record, self._record = self._record, None
        if record is not None:
            await self._pool.put_back(record)

    async def renew(self) -> None:
        """Return the connection and check out another: never two at once, which could deadlock the pool."""
        await self.give_back()
        await self._take()

    async def _take(self, seconds: float = math.inf) -> None:
        self._record = await self._pool.take(seconds)
        self.connection = self._record.connection
