"""The operation in progress: one request, one round of a job, or one command.

It carries the deadline that bounds every wait below it, the state of its COMMIT, and everything counted about it. Code
that waits asks `remaining()`. A command has no deadline; the budgets of the session still bound its statements.

A task that is started during an operation copies the context and so shares the same `Operation`. Work that outlives the
operation runs in one of its own, with `running`.
"""

import asyncio
import contextlib
import math
from collections import Counter
from collections.abc import Hashable, Iterator
from contextvars import ContextVar
from enum import Enum

from prometheus_client import Counter as Metric

from repositories.postgres.errors import DeadlineExceeded, Fault, OutcomeUnknown


class CommitState(Enum):
    """The state of an operation's latest COMMIT, on which its answer depends."""

    IDLE = "idle"
    """No COMMIT is in flight, and the answer does not follow from an earlier one."""
    COMMITTING = "committing"
    """COMMIT was sent; the server has not confirmed it yet."""
    COMMITTED = "committed"
    """The server confirmed the COMMIT from which the answer follows: no deadline takes that answer back."""
    ROLLED_BACK = "rolled back"
    """The transaction was rolled back: it wrote nothing."""
    UNKNOWN = "unknown"
    """COMMIT was sent and its confirmation was lost; only a confirmed re-run of the same unit of work ends this."""


class Operation:
    """A request, a round of a job, or a command, by its name.

    `id` is the request id. `seconds` is the time until the deadline; infinite if the operation has none. `caller` has a
    share of each pool; an operation without a caller is not limited.
    """

    def __init__(
        self, name: str, id: str | None = None, seconds: float = math.inf, caller: Hashable | None = None
    ) -> None:
        self._name = name
        self.id = id
        self.caller = caller
        self.commit = CommitState.IDLE
        """Changed by `change_commit` only."""
        self.pool_seconds = 0.0
        """Seconds spent waiting for connections."""
        self.sql_seconds = 0.0
        """Seconds spent waiting for answers to statements."""
        self.lock_seconds = 0.0
        """Seconds that the present unit of work spent in statements that lock rows."""
        self.earlier_lock_seconds = 0.0
        """Seconds of that with which each unit of work begins."""
        self._counts: Counter[Metric] = Counter()
        """Increments of metrics by the present unit of work, applied once it is committed."""
        self._wrote = False
        """True once any unit of work was committed."""
        self._ends = _now() + seconds

    @property
    def carries(self) -> int:
        """The number of requests that its connection carries: more than one if they are gathered."""
        return 1

    @property
    def name(self) -> str:
        """The job, the command, or the method and route of the request."""
        return self._name

    def change_commit(self, before: CommitState, after: CommitState) -> bool:
        """Change the state of COMMIT from `before` to `after`; return False, and change nothing, in any other state.

        So no unit of work, in whichever task, takes back the state of another: COMMITTING, COMMITTED and UNKNOWN stay
        until their own unit changes them.
        """
        if self.commit is not before:
            return False
        self.commit = after
        return True

    def count(self, metric: Metric, number: int) -> None:
        """Increment `metric` by `number` once the present unit of work is committed."""
        self._counts[metric] += number

    def begin_unit(self) -> None:
        """Begin a unit of work: forget the counts and waits of an earlier one, which was not committed."""
        self._counts.clear()
        self.lock_seconds = self.earlier_lock_seconds

    def confirm(self) -> None:
        """Apply the counts of the unit of work whose COMMIT was just confirmed."""
        self._wrote = True
        for metric, number in self._counts.items():
            metric.inc(number)
        self._counts.clear()

    def interrupted(self) -> Fault:
        """Return the fault for an operation that is ended before its answer is known.

        DeadlineExceeded says that nothing was written. That is true only if no unit of work was committed and no COMMIT
        is in flight or lost; otherwise the fault is OutcomeUnknown.
        """
        if self.commit not in {CommitState.IDLE, CommitState.ROLLED_BACK}:
            return OutcomeUnknown()
        if self._wrote:
            return OutcomeUnknown("The request took too long and was done in part.")
        return DeadlineExceeded()

    def remaining(self) -> float:
        """Seconds until the deadline; never negative."""
        return max(0.0, self._ends - _now())

    def postpone(self, seconds: float) -> None:
        """Replace the deadline by one `seconds` from now."""
        self._ends = _now() + seconds

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
        operation.count(metric, number)


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
