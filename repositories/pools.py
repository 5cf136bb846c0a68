"""The pools: one for each database, and the one connection of it that a request holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from repositories import connections
from repositories.deadlines import remaining
from repositories.errors import DatabaseUnavailable, Fault, PoolExhausted
from repositories.statements import Connection

# psycopg doubles its pause between attempts up to this, and then begins anew: its default of 300 s would sleep through
# a recovery; 1 s, after an attempt that took 3 s to fail, is under 5 s.
RECONNECT_TIMEOUT = 1.0


@dataclass(frozen=True)
class PoolOptions:
    """How large a pool is and how long things may take, in seconds, by psycopg's names."""

    min_size: int
    max_size: int
    timeout: float
    max_waiting: int
    max_lifetime: float
    max_idle: float


class Database:
    """One database and its pool. Open it before use, close it after."""

    def __init__(self, name: str, conninfo: str, options: PoolOptions) -> None:
        self.name = name
        self.conninfo = conninfo
        self.options = options
        self._in_use = 0
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            connection_class=connections.BoundedConnection,
            kwargs=connections.parameters("folio"),
            configure=connections.configure,
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
        """Close every connection; those in use when they are given back."""
        await self._pool.close()

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

    async def _enter(self, held: AsyncExitStack) -> Connection:
        timeout = remaining(self.options.timeout)
        try:
            async with asyncio.timeout(timeout):
                connection = await held.enter_async_context(self._pool.connection(timeout=timeout))
        except TooManyRequests:
            raise PoolExhausted(f"Too many requests are waiting for the {self.name} database.") from None
        except (PoolTimeout, TimeoutError):
            raise self._timed_out() from None
        except PoolClosed:
            raise DatabaseUnavailable("Folio is shutting down.") from None
        self._in_use += 1
        held.callback(self._given_back)
        return connection

    def _given_back(self) -> None:
        self._in_use -= 1

    def _timed_out(self) -> Fault:
        if self._in_use >= self.options.max_size:
            return PoolExhausted(f"All {self._in_use} connections to the {self.name} database are in use.")
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
