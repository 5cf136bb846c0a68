"""Readiness: whether both databases take writes, have every migration and grant what serving needs.

Each check opens a connection outside the pools, so an exhausted pool is no reason to be unready. If the server has no
connection left for newcomers, the check uses one of the pool.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
import structlog

from repositories.postgres import connections
from repositories.postgres.errors import Defect, Fault, PoolExhausted, fault
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.schema import migrations, privileges
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import History, MigrationError

log = structlog.get_logger()

CHECK_SECONDS = 2.5
"""Seconds for a database to answer after it is connected: longer than the check waits for a lock."""
READY = "ready"
"""The summary of a database that serves."""
CACHE_SECONDS = 1.0
"""Seconds for which a state is reused, so that many probes do not open many connections."""


@dataclass(frozen=True)
class DatabaseState:
    """The state of a database at its last check."""

    summary: str
    """`ready`, or the reason why it is not."""
    history: History | None = None
    """Its migrations; None if they could not be read."""


class Readiness:
    """The states of both databases, checked by one request at a time."""

    def __init__(self, pools: Mapping[str, Pool]) -> None:
        self._pools = pools
        self._warnings: dict[str, str | None] = {}
        """The last warning of each database, logged when it changes."""
        self._lock = asyncio.Lock()
        self._states: dict[str, DatabaseState] = {}
        self._checked_at = float("-inf")

    async def databases(self) -> dict[str, DatabaseState]:
        """Return the state of each database, at most `CACHE_SECONDS` old."""
        async with self._lock:
            if time.monotonic() - self._checked_at > CACHE_SECONDS:
                states = await asyncio.gather(*(self._check(database) for database in DATABASES))
                self._states = dict(zip(DATABASES, states, strict=True))
                self._checked_at = time.monotonic()
            return self._states

    async def _check(self, database: str) -> DatabaseState:
        pool = self._pools[database]
        try:
            async with connections.connect(pool.conninfo, purpose="readiness", patience=CHECK_SECONDS) as connection:
                state = await self._examine(connection, database)
                if state.summary == READY:
                    pool.expect_writes()
                return state
        except (Fault, Defect, psycopg.Error) as error:
            known = fault(error) if isinstance(error, psycopg.Error) else error
        except MigrationError as error:
            return DatabaseState(str(error))
        if isinstance(known, Fault) and known.code == "too_many_connections":
            return await self._check_pooled(pool, known)
        return DatabaseState(str(known))

    async def _check_pooled(self, pool: Pool, refusal: Fault | Defect) -> DatabaseState:
        """Check on a connection of the pool: the server has none left for newcomers."""
        try:
            async with pool.checkout() as checkout:
                return await self._examine(checkout.connection, pool.name)
        except PoolExhausted:
            return DatabaseState(READY)  # its connections are in use
        except (Fault, Defect, psycopg.Error):
            return DatabaseState(str(refusal))
        except MigrationError as error:
            return DatabaseState(str(error))

    async def _examine(self, connection: Connection, database: str) -> DatabaseState:
        history = await migrations.history_on(connection, database)
        self._warn(database, history.warning)
        pending = history.pending
        if pending:
            return DatabaseState(f"lacks {len(pending)} migration(s), from {pending[0].name} on", history)
        if connection.info.parameter_status("default_transaction_read_only") == "on":
            return DatabaseState("refuses writes: default_transaction_read_only is on", history)
        missing = await privileges.missing(connection, database)
        return DatabaseState(privileges.lacks(database, missing) if missing else READY, history)

    def _warn(self, database: str, warning: str | None) -> None:
        if warning is not None and warning != self._warnings.get(database):
            log.warning("newer_migrations", database=database, warning=f"The database {warning}.")
        self._warnings[database] = warning
