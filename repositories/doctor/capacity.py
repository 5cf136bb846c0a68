"""Capacity: how many connections all workers may need of each server, and how many it allows them."""

from collections.abc import Mapping
from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

LIMITS = statement("both/server/limits")

OUTSIDE = 3
"""Connections of a worker to each database outside its pool: readiness, operations, and an audit."""


@dataclass(frozen=True)
class Limits:
    """A server, how many connections it allows, and how many of them it keeps for superusers and the like."""

    address: str
    max_connections: int
    reserved_connections: int


@dataclass(frozen=True)
class Demand:
    """What Folio may need of one server: `pools` has the largest size of each database's pool that is on it."""

    limits: Limits
    workers: int
    pools: Mapping[str, int]

    @property
    def total(self) -> int:
        """Connections that all workers may have at once."""
        return self.workers * (sum(self.pools.values()) + OUTSIDE * len(self.pools))

    @property
    def allowed(self) -> int:
        """Connections that the server lets Folio have, if nobody else has any."""
        return self.limits.max_connections - self.limits.reserved_connections

    @property
    def share(self) -> int:
        """Connections for each pool of each worker, all alike; negative where the server has too few."""
        return self.allowed // (self.workers * len(self.pools)) - OUTSIDE

    def __str__(self) -> str:
        parts = [f"{self.workers} x {size} for {database}" for database, size in self.pools.items()]
        return " + ".join([*parts, f"{self.workers} x {OUTSIDE * len(self.pools)} outside the pools"])


async def read(connection: Connection) -> Limits:
    """Return the limits of the server that a connection leads to."""
    return await LIMITS.one(connection, Limits)


def demands(workers: int, sizes: Mapping[str, int], limits: Mapping[str, Limits]) -> dict[str, Demand]:
    """Return for each database the demand on its server; databases of one server have theirs in common."""
    return {
        database: Demand(
            limits=found,
            workers=workers,
            pools={other: sizes[other] for other in limits if limits[other].address == found.address},
        )
        for database, found in limits.items()
    }
