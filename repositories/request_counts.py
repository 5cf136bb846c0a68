"""Request counts: requests of one kind from one address in one minute, counted for all processes together."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

ADD = statement("main/request_counts/add")


@dataclass(frozen=True)
class Count:
    """The requests of an address in its present minute, and the seconds until that minute ends."""

    count: int
    seconds_left: int


class RequestCountRepository:
    """The request counts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, *, kind: str, address: str) -> Count:
        """Count one more request; return the new count. `kind` is "registration" or "wrong_key"."""
        return await ADD.one(self._connection, Count, kind=kind, address=address)
