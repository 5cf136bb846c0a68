"""Readiness: whether both databases answer and have every migration, checked on connections outside the pools."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from repositories.postgres.errors import Fault, fault
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import History, MigrationError

CHECK_SECONDS = 2.5
"""Seconds for a database to answer after it is connected: longer than the check waits for a lock."""
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

    def __init__(self, conninfos: Mapping[str, str]) -> None:
        self._conninfos = conninfos
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
        try:
            history = await migrations.history(self._conninfos[database], database, CHECK_SECONDS)
        except psycopg.Error as error:
            return DatabaseState(str(fault(error)))
        except (Fault, MigrationError) as error:
            return DatabaseState(str(error))
        pending = history.pending
        summary = f"lacks {len(pending)} migration(s), from {pending[0].name} on" if pending else "ready"
        return DatabaseState(summary, history)
