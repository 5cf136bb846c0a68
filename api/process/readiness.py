"""Readiness: whether both databases answer and have every migration, looked at on connections outside the pools."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from repositories.postgres.errors import Fault, fault
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import History, MigrationError

PATIENCE = 2.5
"""Seconds for a database to answer, once it is connected to: longer than it waits for a lock."""
FRESH = 1.0
"""Seconds for which a finding is shown again, so that no number of probes opens many connections."""


@dataclass(frozen=True)
class Look:
    """What a look at a database found: `ready`, or what is wrong; and its history, unless that could not be read."""

    state: str
    history: History | None = None


class Readiness:
    """What was last found of the databases, by one look at a time, on connections outside the pools."""

    def __init__(self, conninfos: Mapping[str, str]) -> None:
        self._conninfos = conninfos
        self._lock = asyncio.Lock()
        self._found: dict[str, Look] = {}
        self._at = float("-inf")

    async def databases(self) -> dict[str, Look]:
        """Return what was found of each database."""
        async with self._lock:
            if time.monotonic() - self._at > FRESH:
                found = await asyncio.gather(*(self._look(database) for database in DATABASES))
                self._found = dict(zip(DATABASES, found, strict=True))
                self._at = time.monotonic()
            return self._found

    async def _look(self, database: str) -> Look:
        try:
            found = await migrations.history(self._conninfos[database], database, PATIENCE)
        except psycopg.Error as error:
            return Look(str(fault(error)))
        except (Fault, MigrationError) as error:
            return Look(str(error))
        todo = found.pending
        return Look(f"lacks {len(todo)} migration(s), from {todo[0].name} on" if todo else "ready", found)
