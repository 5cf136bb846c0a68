"""Connections to PostgreSQL: opening one, the budgets of its session, and noticing that it was lost.

The budgets, in seconds:

- 3 to connect; after that the server counts as away
- 5 for a statement: longer than any statement here, shorter than a client's patience
- 2 for a lock: a row that stays locked for longer is locked by a transaction that hangs
- 10 idle in a transaction, and 15 for a whole transaction: they end the transactions of a lost process
- 5 for a peer that acknowledges no packets, and 6 for a server that answers nothing at all

transaction_timeout exists since PostgreSQL 17; older servers do without it.

A connection leads to the primary, or it is none: libpq refuses a standby (target_session_attrs). If the server behind
an open connection refuses a write, that connection is closed, and the pool opens another one.
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
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row
from psycopg.types.numeric import Int8Dumper

from repositories.postgres import operation
from repositories.postgres.commits import Commits
from repositories.postgres.errors import DatabaseUnavailable, fault
from repositories.postgres.statements import Connection, statement

REQUEST_BUDGETS = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
    "transaction_timeout": "15s",
}
FORMS = {
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "gin_fuzzy_search_limit": "0",  # searches find all that match, not a random part
    "TimeZone": "GMT",  # the one name that PostgreSQL knows without a time zone database
}
"""Forms of values and results that Folio relies on, in place of those of the role, the database or the URL.

They are set together with the budgets, in one round trip: PgBouncer refuses most of them as start-up `options`.
"""
CONNECT_TIMEOUT = 3
"""Seconds."""
ANSWER_TIMEOUT = 6.0
"""Seconds for the server of a pooled connection to answer: the server itself ends a statement after 5."""
MAX_PREPARED_STATEMENTS = 256
"""Every file under sql/ can be prepared on one connection, with room for as many again."""

CONFIGURE = statement("both/session/configure")

Received = TypeVar("Received")


@dataclass(frozen=True)
class Setting:
    """A setting of the server, and its value."""

    name: str
    value: str


class Cursor(AsyncRawCursor[TupleRow]):
    """A cursor for PostgreSQL's own parameters ($1, $2, …) that adds its time to the operation in progress."""

    async def execute(self, *arguments: Any, **options: Any) -> Self:
        """Send a statement and wait for its answer."""
        started = time.perf_counter()
        try:
            return await super().execute(*arguments, **options)
        except psycopg.errors.ReadOnlySqlTransaction:
            # A standby, or a primary that is frozen: the next connection may lead to a server that takes writes.
            await self.connection.close()
            raise
        except psycopg.errors.FeatureNotSupported as error:
            # Within a transaction, the whole unit of work runs again.
            if not plan_changed(error) or self.connection.info.transaction_status is not TransactionStatus.IDLE:
                raise
            await discard_statements(self.connection)
            return await super().execute(*arguments, **options)
        finally:
            if (current := operation.current()) is not None:
                current.sql_seconds += time.perf_counter() - started


def parameters(conninfo: str, purpose: str, *, role: str = "primary") -> dict[str, Any]:
    """Return psycopg's parameters for each new connection.

    `purpose` goes into application_name, such as "serve". `role` is libpq's target_session_attrs, unless the conninfo
    names another one: libpq tries each host, and refuses a standby without a further round trip.
    """
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
        "client_encoding": "UTF8",
        "target_session_attrs": conninfo_to_dict(conninfo).get("target_session_attrs") or role,
    }


class BoundedConnection(AsyncConnection[TupleRow]):
    """A connection that is closed if the server does not answer; the statement then raises psycopg's OperationalError.

    `patience` is the limit of a round trip in seconds, or None for ANSWER_TIMEOUT. `silent` is True once a round trip
    took longer. `commits` counts the units of work of its pool; None outside a pool.

    If the network acknowledges bytes and then loses them, neither the server's timeouts nor TCP's end the wait. Without
    this limit a request would wait without end and keep its locks.
    """

    patience: float | None = None
    silent = False
    commits: Commits | None = None
    opened_at = 0.0
    """The time at which it was connected, by the clock `time.monotonic`."""

    async def wait(self, gen: PQGen[Received], *arguments: Any, **named: Any) -> Received:
        """Wait for the server, in bounded time; every round trip passes here."""
        timer = asyncio.get_running_loop().call_later(self.patience or ANSWER_TIMEOUT, self._give_up)
        try:
            return await super().wait(gen, *arguments, **named)
        finally:
            timer.cancel()

    def _give_up(self) -> None:
        self.silent = True
        hang_up(self)


async def configure(connection: Connection, budgets: Mapping[str, str] = REQUEST_BUDGETS) -> None:
    """Set the budgets of a new session and the forms of its values, and send every integer as bigint."""
    # psycopg would send 1, 70,000 and 2^40 as three types, and PostgreSQL would prepare three statements.
    connection.adapters.register_dumper(int, Int8Dumper)
    connection.prepared_max = MAX_PREPARED_STATEMENTS
    settings = {**FORMS, **budgets}
    await CONFIGURE.all(connection, Setting, names=list(settings), values=list(settings.values()))


@asynccontextmanager
async def connect(
    conninfo: str,
    *,
    purpose: str,
    budgets: Mapping[str, str] = REQUEST_BUDGETS,
    patience: float | None = None,
    role: str = "primary",
) -> AsyncIterator[BoundedConnection]:
    """Open a connection outside the pools, with its own budgets. Raises Fault if the database is away or silent.

    `patience` is that of BoundedConnection; it must be longer than the budget of a statement. `role` is that of
    `parameters`.
    """
    options = parameters(conninfo, purpose, role=role)
    try:
        connection = await BoundedConnection.connect(conninfo, row_factory=tuple_row, **options)
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


def plan_changed(error: psycopg.Error) -> bool:
    """Return True if a prepared statement is stale because a column that it returns has another type now."""
    return error.sqlstate == "0A000" and error.diag.source_function == "RevalidateCachedQuery"


async def discard_statements(connection: Connection) -> None:
    """Discard every prepared statement of a connection, so that each one is prepared again at its next use."""
    # psycopg notices a DEALLOCATE ALL of ours only by chance: it looks at the results of new statements.
    connection._prepared.clear()  # noqa: SLF001 - psycopg has no public name for it
    await connection.execute("DEALLOCATE ALL", prepare=False)


def hung_up(connection: Connection) -> bool:
    """Return True if the server has closed an idle connection, without a round trip.

    An idle connection receives only notices and the server's farewell, so one system call finds a connection that ended
    with a restart or pg_terminate_backend. A network that swallows every packet goes unnoticed.
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


def read_only(connection: Connection) -> bool:
    """Return True if the session said last that it takes no writes: by its default, or because of a standby.

    PostgreSQL reports both settings whenever they change, so this is no round trip. PgBouncer may report neither.
    """
    status = connection.pgconn.parameter_status
    return status(b"default_transaction_read_only") == b"on" or status(b"in_hot_standby") == b"on"


def hang_up(connection: Connection) -> None:
    """Shut the socket of a connection down at once, even if a statement is in progress on it.

    The statement raises psycopg's OperationalError. A cancellation would ask the server first, for up to 10 s. The
    socket is shut down through a copy, since psycopg's event loop still watches the file descriptor itself.
    """
    if connection.closed:
        return
    with socket.socket(fileno=socket.dup(connection.fileno())) as copy, suppress(OSError):  # ENOTCONN after a reset
        copy.shutdown(socket.SHUT_RDWR)
