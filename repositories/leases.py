"""Leases: named and time-limited; they let one process at a time run a job, such as the audit."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

TAKE = statement("main/leases/take")


@dataclass(frozen=True)
class _Lease:
    name: str


class LeaseRepository:
    """The leases of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, *, name: str, seconds: int) -> bool:
        """Take the lease for `seconds`; False if another process holds it."""
        return await TAKE.maybe(self._connection, _Lease, name=name, seconds=seconds) is not None
