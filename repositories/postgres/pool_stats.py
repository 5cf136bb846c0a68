"""Statistics of a pool: each number is kept once, and the metrics are derived from it here."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from repositories.postgres import metrics, operation

RECENT_CHECKOUTS = 1000
"""Checkouts of which a pool keeps the times: the latest."""

GAUGES = {
    "size": metrics.POOL_SIZE,
    "max_size": metrics.POOL_MAX_SIZE,
    "in_use": metrics.POOL_IN_USE,
    "waiting": metrics.POOL_WAITING,
}
COUNTERS = {
    "timeouts": metrics.POOL_TIMEOUTS,
    "refusals": metrics.POOL_REFUSALS,
    "connects": metrics.POOL_CONNECTS,
    "connect_errors": metrics.POOL_CONNECT_ERRORS,
    "reconnects": metrics.POOL_RECONNECTS,
    "bad_connections": metrics.POOL_BAD_CONNECTIONS,
}
PSYCOPG_COUNTS = {
    "requests_num": "checkouts",
    "connections_num": "connects",
    "connections_errors": "connect_errors",
    "connections_lost": "bad_connections",
    "returns_bad": "bad_connections",
}
"""psycopg's names of counters, and the fields of PoolStats to which they belong."""


@dataclass(frozen=True)
class PoolStats:
    """A snapshot: the state of a pool at this moment, and its counts since it was opened."""

    size: int
    max_size: int
    in_use: int
    peak_in_use: int
    waiting: int
    checkouts: int
    """Attempts to check out a connection, including those that were refused or timed out."""
    timeouts: int
    refusals: int
    connects: int
    connect_errors: int
    reconnects: int
    """Connections opened in place of others: lost, broken, idle for too long or at the end of their lifetime."""
    bad_connections: int

    def report(self, database: str) -> None:
        """Set the gauges; the counters are always up to date."""
        for name, gauge in GAUGES.items():
            gauge.labels(database).set(getattr(self, name))


class PoolCounts:
    """The counts and times of a pool since it was opened; each one that is added also moves its metric."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._counts: Counter[str] = Counter()
        self.waiting = 0
        """Operations that wait for a connection; psycopg's queue also has those that gave up."""
        self.wait_seconds: deque[float] = deque(maxlen=RECENT_CHECKOUTS)
        """Seconds that the latest checkouts waited for a connection."""
        self.checkout_seconds: deque[float] = deque(maxlen=RECENT_CHECKOUTS)
        """Seconds for which the latest connections were checked out."""
        self._wait_metric = metrics.POOL_WAIT_SECONDS.labels(database)
        self._hold_metric = metrics.POOL_HOLD_SECONDS.labels(database)
        for counter in COUNTERS.values():
            counter.labels(database)  # at 0 from the start: an alert sees the first one

    def __getitem__(self, name: str) -> int:
        return self._counts[name]

    def add(self, name: str, number: int = 1) -> None:
        """Increment a count, named as in PoolStats, and its metric."""
        self._counts[name] += number
        if name in COUNTERS:
            COUNTERS[name].labels(self._database).inc(number)

    def wait(self) -> "Wait":
        """Count the operation in progress as one that waits for a connection, within a context."""
        return Wait(self)

    def add_wait(self, seconds: float) -> None:
        """Record how long a checkout waited, whether it got a connection or not."""
        self.wait_seconds.append(seconds)
        self._wait_metric.observe(seconds)

    def add_checkout(self, seconds: float) -> None:
        """Record for how long a returned connection was checked out."""
        self.checkout_seconds.append(seconds)
        self._hold_metric.observe(seconds)

    def take_over(self, counters: dict[str, int]) -> None:
        """Add the counters that psycopg's pool has just reset."""
        for theirs, ours in PSYCOPG_COUNTS.items():
            self.add(ours, counters.get(theirs, 0))


class Wait:
    """An operation's wait for a connection. It is no generator: each request has one, and a generator costs more."""

    def __init__(self, counts: PoolCounts) -> None:
        self._counts = counts

    def __enter__(self) -> None:
        self._started = time.monotonic()
        self._counts.waiting += 1

    def __exit__(self, *_: object) -> None:
        seconds = time.monotonic() - self._started
        self._counts.waiting -= 1
        self._counts.add_wait(seconds)
        if (current := operation.current()) is not None:
            current.pool_seconds += seconds


def sample_quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value of a sorted sample that `share` of its values (0 to 1) do not exceed; 0 if it is empty."""
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0.0
