"""The checked-out connections of a pool: their operation, start and backend, and a stack after the soft limit."""

import asyncio
import time
import traceback
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import structlog

from repositories.postgres import metrics
from repositories.postgres.operation import Operation
from repositories.postgres.statements import Connection

log = structlog.get_logger()


@dataclass(eq=False)
class CheckedOutConnection:
    """One checked-out connection; `operation` is None if it was checked out outside any operation."""

    operation: Operation | None
    connection: Connection
    backend_pid: int  # a lost connection no longer tells its own
    task: "asyncio.Task[Any] | None"
    share_of: Hashable | None = None
    """The caller whose share it belongs to; None if shares are not limited."""
    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    overdue: bool = False
    """True once it exceeds the soft limit."""
    _started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since it was checked out."""
        return time.monotonic() - self._started

    def members(self) -> dict[str, Any]:
        """Return the members that describe it in a log line and in GET /ops/pools."""
        return {
            "work": self.operation and self.operation.name,
            "request_id": self.operation and self.operation.id,
            "carries": 1 if self.operation is None else self.operation.carries,
            "backend_pid": self.backend_pid,
            "held_ms": round(self.seconds * 1000, 1),
        }


class CheckedOutConnections:
    """The checked-out connections of one pool. Each one that exceeds the soft limit is logged once, with a stack."""

    def __init__(self, database: str, soft_limit: float) -> None:
        self._database = database
        self._soft_limit = soft_limit
        self._timers: dict[CheckedOutConnection, asyncio.TimerHandle] = {}
        self.peak = 0
        """The most at once since the pool was opened."""
        self.total = 0
        """Connections handed out since the pool was opened."""
        metrics.POOL_OVERDUE.labels(database)  # at 0 from the start: an alert sees the first one

    def __len__(self) -> int:
        return len(self._timers)

    def __iter__(self) -> Iterator[CheckedOutConnection]:
        return iter(list(self._timers))

    def add(
        self, operation: Operation | None, connection: Connection, *, share_of: Hashable | None = None
    ) -> CheckedOutConnection:
        """Record that the current task has checked out a connection, and start the soft limit."""
        backend_pid = connection.pgconn.backend_pid
        record = CheckedOutConnection(operation, connection, backend_pid, asyncio.current_task(), share_of)
        self._timers[record] = asyncio.get_running_loop().call_later(self._soft_limit, self._exceed, record)
        self.total += 1
        self.peak = max(self.peak, len(self))
        return record

    def remove(self, record: CheckedOutConnection) -> None:
        """Record that a connection was returned; log it if it had exceeded the soft limit."""
        self._timers.pop(record).cancel()
        if record.overdue:
            log.warning("connection returned after the soft limit", database=self._database, **record.members())

    def _exceed(self, record: CheckedOutConnection) -> None:
        record.overdue = True
        metrics.POOL_OVERDUE.labels(self._database).inc()
        log.warning(
            "connection checked out too long",
            database=self._database,
            **record.members(),
            soft_limit_ms=round(self._soft_limit * 1000),
            stack=stack(record.task),
        )


def stack(task: "asyncio.Task[Any] | None") -> str:
    """Return the stack of a suspended task, from its outermost await to its innermost, formatted like a traceback.

    asyncio's own Task.get_stack returns the outermost coroutine only.
    """
    if task is None or task.done():
        return "The task that checked it out has ended without returning it."
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
