"""Connections to PostgreSQL: how one is opened, what a session may spend, how to tell that the other side is gone.

The budgets (seconds) stand for: 3 to connect, then give up on that server; 5 for a statement, longer than any here and
shorter than a client's patience; 2 for a lock, since a row that is locked longer is locked by something that hangs;
10 idle in a transaction and 15 for a whole one, which end what a lost process left behind; 5 for a peer that does not
acknowledge, and 6 for a server that answers nothing at all. transaction_timeout exists from PostgreSQL 17 on; elsewhere
it is left out.
"""

import asyncio
import os
import select
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.abc import PQGen
from psycopg.rows import TupleRow, tuple_row
from psycopg.types.numeric import Int8Dumper

from repositories.postgres import operation
from repositories.postgres.errors import DatabaseUnavailable, fault
from repositories.postgres.statements import Connection, statement

REQUEST_BUDGETS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "15s",
    "TimeZone": "GMT",  # the one name that PostgreSQL knows without a time zone database
}
CONNECT_TIMEOUT = 3
ANSWER_TIMEOUT = 6.0
"""Seconds for a pooled connection's server to answer anything: it ends a statement itself after 5."""
# Every file under sql/ may be prepared at once on a connection, with room for as many again.
PREPARED_MAX = 256

CONFIGURE = statement("both/session/configure")

Received = TypeVar("Received")


@dataclass(frozen=True)
class Setting:
    """A setting that the server knows, and its value."""

    name: str
    value: str


class Cursor(AsyncRawCursor[TupleRow]):
    """A cursor of PostgreSQL's own parameters, $1, $2, …, that adds its time to the operation in progress."""

    async def execute(self, *arguments: Any, **options: Any) -> Self:
        """Send a statement and wait for its answer."""
        started = time.perf_counter()
        try:
            return await super().execute(*arguments, **options)
        finally:
            if (current := operation.current()) is not None:
                current.sql_seconds += time.perf_counter() - started


def parameters(purpose: str) -> dict[str, Any]:
    """Return what psycopg opens each connection with; `purpose` is what the connection is for, such as serve."""
    return {
        "autocommit": True,  # a lone statement needs no BEGIN; units of work send their own
        "cursor_factory": Cursor,
        "prepare_threshold": 0,
        "application_name": f"folio {purpose} {os.getpid()}",  # pg_stat_activity: which service, which worker
        "connect_timeout": CONNECT_TIMEOUT,
        "keepalives": 1,
        "keepalives_idle": 5,
        "keepalives_interval": 1,
        "keepalives_count": 3,
        "tcp_user_timeout": 5000,
    }


class BoundedConnection(AsyncConnection[TupleRow]):
    """A connection that hangs up on a server that does not answer: what waits gets psycopg's OperationalError.

    `patience` is how many seconds a round trip may take, ANSWER_TIMEOUT where it is None; `silent` is whether one took
    longer.

    A network that acknowledges bytes and loses them would keep whoever waits for ever, and what is locked with them:
    neither the server's timeouts nor TCP's speak then.
    """

    patience: float | None = None
    silent = False

    async def wait(self, gen: PQGen[Received], *arguments: Any, **named: Any) -> Received:
        """Wait for the server, in bounded time; every round trip passes here."""
        timer = asyncio.get_running_loop().call_later(self.patience or ANSWER_TIMEOUT, self._give_up)
        try:
            return await super().wait(gen, *arguments, **named)
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self.silent = True
        # A cancellation would ask the server first, for long.
        hang_up(self)


async def configure(connection: Connection, budgets: Mapping[str, str] = REQUEST_BUDGETS) -> None:
    """Give a fresh session its budgets, and the one integer type that makes each file one prepared statement."""
    # Else 1, 70,000 and 2^40 would go out as three types and be prepared as three statements.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.prepared_max = PREPARED_MAX
    await CONFIGURE.all(connection, Setting, names=list(budgets), values=list(budgets.values()))


@asynccontextmanager
async def connect(
    conninfo: str, *, purpose: str, budgets: Mapping[str, str] = REQUEST_BUDGETS, patience: float | None = None
) -> AsyncIterator[BoundedConnection]:
    """Open a connection outside the pools, with budgets of its own; Fault where the database is away or silent.

    `patience` is BoundedConnection's: longer than a statement's budget.
    """
    try:
        connection = await BoundedConnection.connect(conninfo, row_factory=tuple_row, **parameters(purpose))
    except psycopg.Error as error:
        raise fault(error) from error
    connection.patience = patience
    async with connection:
        try:
            await configure(connection, budgets)
            yield connection
        except psycopg.OperationalError as error:
            if connection.silent:
                raise DatabaseUnavailable("The database does not answer.") from error
            raise


def hung_up(connection: Connection) -> bool:
    """Tell whether the server has closed an idle connection, without asking it.

    An idle connection has nothing to read but notices and the server's goodbye, so this costs one system call and
    finds what a restart or pg_terminate_backend left behind; a network that swallows everything it cannot find.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    while poll.poll(0):
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            return True
    return False


def hang_up(connection: Connection) -> None:
    """Close the network side of a connection at once, whatever is under way on it.

    Whoever waits for it gets psycopg's OperationalError; a cancellation would ask the server first, for up to 10 s.
    The socket is shut down through a copy, since psycopg's event loop still watches the file descriptor itself.
    """
    if connection.closed:
        return
    with socket.socket(fileno=socket.dup(connection.fileno())) as copy, suppress(OSError):  # ENOTCONN after a reset
        copy.shutdown(socket.SHUT_RDWR)
