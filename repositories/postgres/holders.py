"""Holders: who has a connection of a pool, since when, and what they were doing when they had it for too long."""

import asyncio
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from repositories.postgres import metrics
from repositories.postgres.statements import Connection
from repositories.postgres.work import Work

log = structlog.get_logger()


@dataclass(eq=False)
class Holder:
    """One connection in somebody's hands; `work` is None where nobody said what for."""

    work: Work | None
    connection: Connection
    backend_pid: int  # a connection that was lost does not tell any more
    task: "asyncio.Task[Any] | None"
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    overdue: bool = False
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """How long it has been held."""
        return time.monotonic() - self._started

    def members(self) -> dict[str, Any]:
        """Return what a log line says of it."""
        return {
            "work": self.work and self.work.name,
            "request_id": self.work and self.work.id,
            "backend_pid": self.backend_pid,
            "held_ms": round(self.seconds * 1000, 1),
        }


class Holders:
    """Everybody who holds a connection of one pool. One who exceeds the soft limit is logged once, with its stack."""

    def __init__(self, database: str, soft_limit: float) -> None:
        self._database = database
        self._soft_limit = soft_limit
        metrics.POOL_OVERDUE.labels(database)  # at 0 from now on: an alert sees the first one
        self._timers: dict[Holder, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._timers)

    def __iter__(self) -> Iterator[Holder]:
        return iter(list(self._timers))

    def add(self, work: Work | None, connection: Connection) -> Holder:
        """Note that the current task has a connection from now on."""
        holder = Holder(work, connection, connection.info.backend_pid, asyncio.current_task())
        self._timers[holder] = asyncio.get_running_loop().call_later(self._soft_limit, self._exceed, holder)
        return holder

    def remove(self, holder: Holder) -> None:
        """Note that it was given back; logged where it had been overdue."""
        self._timers.pop(holder).cancel()
        if holder.overdue:
            log.warning("overdue connection given back", database=self._database, **holder.members())

    def _exceed(self, holder: Holder) -> None:
        holder.overdue = True
        metrics.POOL_OVERDUE.labels(self._database).inc()
        log.warning(
            "overdue connection",
            database=self._database,
            **holder.members(),
            soft_limit_ms=round(self._soft_limit * 1000),
            stack=stack(holder.task),
        )


def stack(task: "asyncio.Task[Any] | None") -> str:
    """Return where a task stands, from the outermost await to the innermost, as Python's tracebacks are written.

    asyncio's own Task.get_stack sees the outermost coroutine only.
    """
    if task is None or task.done():
        return "The task that took it has ended: it was not given back."
    frames = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        # A coroutine, a generator below it (psycopg's), or an asynchronous generator.
        kind = next((kind for kind in ("cr", "gi", "ag") if hasattr(awaited, f"{kind}_frame")), None)
        if kind is None:
            break
        frame = getattr(awaited, f"{kind}_frame")
        if frame is not None:
            frames.append((frame, frame.f_lineno))
        awaited = getattr(awaited, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")
    return "".join(traceback.StackSummary.extract(frames).format())
