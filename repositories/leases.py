"""Leases: turns at what any process may do and only one should."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

TAKE = statement("main/leases/take")


@dataclass(frozen=True)
class _Taken:
    name: str


class LeaseRepository:
    """The leases of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, *, name: str, seconds: int) -> bool:
        """Take the next turn for so long; False where somebody's turn lasts."""
        return await TAKE.maybe(self._connection, _Taken, name=name, seconds=seconds) is not None
