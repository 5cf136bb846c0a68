"""Capacity: the connections that all workers may need of each server, and those that it allows."""

from collections.abc import Mapping
from dataclasses import dataclass

from repositories.server import Limits

CONNECTIONS_OUTSIDE_POOL = 3
"""Connections of a worker to each database outside its pool: readiness, operations, and an audit."""


@dataclass(frozen=True)
class Demand:
    """The connections that Folio may need of one server; `pools` is the maximum pool size of each database on it."""

    limits: Limits
    workers: int
    pools: Mapping[str, int]

    @property
    def total(self) -> int:
        """Connections that all workers may open at once."""
        return self.workers * (sum(self.pools.values()) + CONNECTIONS_OUTSIDE_POOL * len(self.pools))

    @property
    def hanging(self) -> int:
        """Further connections of COMMITs that Folio gave up while the server waits for a standby."""
        return self.workers * (sum(self.pools.values()) + len(self.pools))

    @property
    def allowed(self) -> int:
        """Connections that the server allows Folio, if no other program has any."""
        return self.limits.max_connections - self.limits.reserved_connections

    @property
    def share(self) -> int:
        """Connections for each pool of each worker, in equal shares; negative if the server allows too few."""
        return self.allowed // (self.workers * len(self.pools)) - CONNECTIONS_OUTSIDE_POOL

    def __str__(self) -> str:
        parts = [f"{self.workers} x {size} for {database}" for database, size in self.pools.items()]
        return " + ".join([*parts, f"{self.workers} x {CONNECTIONS_OUTSIDE_POOL * len(self.pools)} outside the pools"])


def demands(workers: int, sizes: Mapping[str, int], limits: Mapping[str, Limits]) -> dict[str, Demand]:
    """Return the demand on the server of each database; databases on one server share their demand."""
    return {
        database: Demand(
            limits=server,
            workers=workers,
            pools={other: sizes[other] for other in limits if limits[other].address == server.address},
        )
        for database, server in limits.items()
    }
