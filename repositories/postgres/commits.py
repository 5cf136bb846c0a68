"""Commits that hang: they cost writes of their database only, and a bounded number of connections.

A COMMIT that waits for a synchronous standby ends by no timeout of the server. When Folio gives it up and hangs up, its
backend stays until the standby confirms, and keeps its row locks. Without a limit, such backends take every connection
that the server has. So they are counted until they are gone; while there are any, they and the units of work in
progress are no more than the pool has connections. Further units of work are refused before BEGIN; reads are served.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from repositories.postgres import metrics
from repositories.postgres.errors import DatabaseUnavailable

PATIENT_SECONDS = 1.0
"""Seconds after which a COMMIT is slow: slow ones have at most half of the pool's connections, the rest is freed."""


class Commits:
    """The units of work on one pool's connections, and the backends of COMMITs that were given up."""

    def __init__(self, database: str, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._units = 0
        """Units of work in progress."""
        self._slow = 0
        """COMMITs that have taken more than PATIENT_SECONDS, and still may wait."""
        self.abandoned: set[int] = set()
        """PIDs of the backends whose COMMIT was given up."""
        metrics.POOL_ABANDONED.labels(database).set(0)

    def begin(self) -> None:
        """Count a unit of work; raise DatabaseUnavailable if it could add one more COMMIT that hangs than allowed."""
        if self.abandoned and len(self.abandoned) + self._units >= self._limit:
            detail = "Commits hang: the server may be waiting for a standby. Nothing was written."
            raise DatabaseUnavailable(detail, code="database_overloaded")
        self._units += 1

    def end(self) -> None:
        """Count a unit of work as ended."""
        self._units -= 1

    @contextmanager
    def slow(self) -> Iterator[bool]:
        """Yield True if a slow COMMIT may wait on: fewer than half of the pool's connections do so already."""
        if self._slow >= max(1, self._limit // 2):
            yield False
            return
        self._slow += 1
        try:
            yield True
        finally:
            self._slow -= 1

    def abandon(self, pid: int) -> None:
        """Count the backend of a COMMIT that is given up, until `forget`."""
        self.abandoned.add(pid)
        self._report()

    def forget(self, pids: Iterable[int]) -> None:
        """Forget backends that have ended."""
        self.abandoned -= {*pids}
        self._report()

    def _report(self) -> None:
        metrics.POOL_ABANDONED.labels(self._database).set(len(self.abandoned))
