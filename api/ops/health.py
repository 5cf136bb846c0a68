"""Health: alive without any database, ready only with both, at the schema of this release."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

import psycopg
from fastapi import APIRouter, Request

from api.http.problems import Problem, answers
from api.http.types import Representation
from api.process.settings import DATABASES
from repositories.postgres.errors import Fault, fault
from repositories.schema import migrations
from repositories.schema.migrations import History, MigrationError

router = APIRouter(tags=["operations"])

PATIENCE = 2.5
"""Seconds for a database to answer, once it is connected to: longer than it waits for a lock."""
FRESH = 1.0
"""Seconds for which a finding is shown again, so that no number of probes opens many connections."""


class Alive(Representation):
    """This process answers."""

    status: Literal["alive"] = "alive"


class Ready(Representation):
    """Both databases answer and have every migration."""

    status: Literal["ready"] = "ready"
    databases: dict[str, str]


@dataclass(frozen=True)
class Look:
    """What a look at a database found: `ready`, or what is wrong; and its history, unless that could not be read."""

    state: str
    history: History | None = None


class Readiness:
    """What was last found of the databases, by one look at a time, on connections outside the pools."""

    def __init__(self, conninfos: dict[str, str]) -> None:
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


@router.get("/livez", summary="Is this process alive?", responses=answers("internal_error"))
async def get_livez() -> Alive:
    """Answer without any database."""
    return Alive()


@router.get("/readyz", summary="Can requests be served?", responses=answers("not_ready", "internal_error"))
async def get_readyz(request: Request) -> Ready:
    """Look at both databases and their schema, outside the pools: truthful when those are exhausted."""
    if request.app.state.drain.begun:
        raise Problem("not_ready", "Folio is shutting down.", headers={"Retry-After": "2"})
    readiness: Readiness = request.app.state.readiness
    found = {database: look.state for database, look in (await readiness.databases()).items()}
    wrong = [f"{database}: {state}" for database, state in found.items() if state != "ready"]
    if wrong:
        raise Problem("not_ready", "; ".join(wrong), headers={"Retry-After": "2"}, databases=found)
    return Ready(databases=found)
