"""Pool statistics: how a pool stands and what it has counted, for a reader and for the metrics."""

from collections.abc import Sequence
from dataclasses import dataclass

from repositories.postgres import metrics


@dataclass(frozen=True)
class PoolStats:
    """A pool at this moment, and what it has counted since it was opened."""

    size: int = 0
    max_size: int = 0
    in_use: int = 0
    peak_in_use: int = 0
    waiting: int = 0
    checkouts: int = 0
    timeouts: int = 0
    refusals: int = 0
    connects: int = 0
    connect_errors: int = 0
    reconnects: int = 0
    """Connections opened in place of others: lost, broken, idle for too long or at the end of their time."""
    bad_connections: int = 0

    def report(self, database: str, before: "PoolStats") -> None:
        """Tell the metrics, which knew what was `before`."""
        for gauge, value in (
            (metrics.POOL_SIZE, self.size),
            (metrics.POOL_MAX_SIZE, self.max_size),
            (metrics.POOL_IN_USE, self.in_use),
            (metrics.POOL_WAITING, self.waiting),
        ):
            gauge.labels(database).set(value)
        for counter, more in (
            (metrics.POOL_TIMEOUTS, self.timeouts - before.timeouts),
            (metrics.POOL_REFUSALS, self.refusals - before.refusals),
            (metrics.POOL_CONNECTS, self.connects - before.connects),
            (metrics.POOL_CONNECT_ERRORS, self.connect_errors - before.connect_errors),
            (metrics.POOL_RECONNECTS, self.reconnects - before.reconnects),
            (metrics.POOL_BAD_CONNECTIONS, self.bad_connections - before.bad_connections),
        ):
            counter.labels(database).inc(more)


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed; 0 where there is none."""
    return ordered[round(share * (len(ordered) - 1))] if ordered else 0.0
