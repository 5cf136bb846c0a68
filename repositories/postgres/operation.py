"""The operation in progress: one request, one round of a job, or one command.

It carries the deadline that bounds every wait below it, the state of its COMMIT, and everything counted about it. Code
that waits asks `remaining()`. A command has no deadline; the budgets of the session still bound its statements.
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from enum import Enum

from prometheus_client import Counter as Metric


class CommitState(Enum):
    """The state of an operation's latest COMMIT. Answers depend on it: see `Operation.commit`."""

    IDLE = "idle"
    """No COMMIT was sent: nothing was written, or more units of work follow the committed ones."""
    COMMITTING = "committing"
    """COMMIT was sent; the server has not confirmed it yet."""
    COMMITTED = "committed"
    """The server confirmed COMMIT: no deadline takes the answer back."""
    ROLLED_BACK = "rolled back"
    """The transaction was rolled back: nothing was written."""
    UNKNOWN = "unknown"
    """The connection was lost after COMMIT was sent: no answer may say that nothing was written."""


class Operation:
    """A request, a round of a job, or a command, by its name.

    `id` is the request id. `seconds` is the time until the deadline; infinite if the operation has none.
    """

    def __init__(self, name: str, id: str | None = None, seconds: float = math.inf) -> None:
        self._name = name
        self.id = id
        self.commit = CommitState.IDLE
        """Changed by `set_commit` only."""
        self.pool_seconds = 0.0
        """Seconds spent waiting for connections."""
        self.sql_seconds = 0.0
        """Seconds spent waiting for answers to statements."""
        self.counts: Counter[Metric] = Counter()
        """Increments of metrics by the present unit of work, applied once it is committed."""
        self._ends = _now() + seconds

    @property
    def name(self) -> str:
        """The job, the command, or the method and route of the request."""
        return self._name

    def set_commit(self, state: CommitState) -> None:
        """Record the state of COMMIT. COMMITTED is final, and only a confirmed COMMIT resolves UNKNOWN."""
        if self.commit is CommitState.COMMITTED:
            return
        if self.commit is not CommitState.UNKNOWN or state is CommitState.COMMITTED:
            self.commit = state

    def remaining(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._ends - _now())

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Replace the deadline by one `seconds` from now, for a part of the operation that has its own time."""
        ends, self._ends = self._ends, _now() + seconds
        try:
            yield
        finally:
            self._ends = ends


_current: ContextVar[Operation | None] = ContextVar("operation", default=None)


def current() -> Operation | None:
    """Return the operation in progress, or None outside any."""
    return _current.get()


def remaining(limit: float) -> float:
    """Seconds that a wait may take: `limit`, or the time until the deadline if that is less."""
    operation = _current.get()
    return limit if operation is None else min(limit, operation.remaining())


def count(metric: Metric, number: int = 1) -> None:
    """Increment `metric` by `number` once the present unit of work is committed."""
    if (operation := _current.get()) is not None:
        operation.counts[metric] += number


@contextlib.contextmanager
def running(operation: Operation) -> Iterator[Operation]:
    """Make `operation` the one in progress for everything that runs in this context."""
    token = _current.set(operation)
    try:
        yield operation
    finally:
        _current.reset(token)


def _now() -> float:
    return asyncio.get_running_loop().time()
