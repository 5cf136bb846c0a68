"""Audit passes: audits in progress, each of which one process at a time leases and goes on with."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from repositories.audits import Check, plain
from repositories.postgres.statements import Connection, statement

INSERT = statement("main/audit_passes/insert")
SCHEDULE = statement("main/audit_passes/schedule")
TAKE = statement("main/audit_passes/take")
SAVE = statement("main/audit_passes/save")
DELETE = statement("main/audit_passes/delete")
LONGEST_WAIT = statement("main/audit_passes/longest_wait")


@dataclass(frozen=True)
class Pass:
    """An audit in progress. `since` is None if it reads all rows; `stage` is None before it begins.

    `position` is the end of the last slice of the stage, None before its first. `turn` counts the leases.
    """

    id: int
    turn: int
    since: datetime | None
    started_at: datetime
    stage: str | None
    position: str | None
    checks: list[dict[str, Any]]

    def at(self, stage: str, position: str | None) -> "Pass":
        """Return the pass at another stage and position."""
        return replace(self, stage=stage, position=position)


@dataclass(frozen=True)
class _Id:
    id: int


class AuditPassRepository:
    """The audit passes of one connection to the main database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def insert(self, *, seconds: int) -> Pass:
        """Begin a pass over everything, leased for `seconds`."""
        return await INSERT.one(self._connection, Pass, seconds=seconds)

    async def schedule(self, *, since: datetime | None) -> None:
        """Begin a pass for any process to take, unless one of its kind is unfinished."""
        await SCHEDULE.run(self._connection, since=since)

    async def take(self, *, seconds: int) -> Pass | None:
        """Lease a pass whose lease has expired, for `seconds`; None if there is none."""
        return await TAKE.maybe(self._connection, Pass, seconds=seconds)

    async def save(self, state: Pass, *, checks: Sequence[Check], seconds: int) -> bool:
        """Store the progress and lease the pass for `seconds` more; False if another process has taken it over."""
        text = json.dumps([check.members() for check in checks], default=plain)
        saved = await SAVE.maybe(
            self._connection,
            _Id,
            id=state.id,
            turn=state.turn,
            stage=state.stage,
            position=state.position,
            checks=text,
            seconds=seconds,
        )
        return saved is not None

    async def delete(self, state: Pass) -> bool:
        """Delete a finished pass; False if another process has taken it over."""
        return await DELETE.maybe(self._connection, _Id, id=state.id, turn=state.turn) is not None

    async def longest_wait(self) -> float:
        """Return the seconds without progress of the unfinished audit that waits longest; 0 if there is none."""
        [seconds] = await LONGEST_WAIT.values(self._connection)
        return float(seconds)
