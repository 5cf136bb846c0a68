"""Request counts: how often an address did something this minute, counted for all processes together."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

ADD = statement("main/request_counts/add")


@dataclass(frozen=True)
class Count:
    """How many requests the present minute of an address has seen, and the seconds until it ends."""

    count: int
    seconds_left: int


class RequestCountRepository:
    """The request counts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, *, kind: str, address: str) -> Count:
        """Count one more request and return how many that makes."""
        return await ADD.one(self._connection, Count, kind=kind, address=address)
