"""Request counts: requests of one kind from one address or user in one minute, counted for all processes together."""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, statement

ADD = statement("main/request_counts/add")


@dataclass(frozen=True)
class Count:
    """The requests of a source in its present minute, and the seconds until that minute ends."""

    count: int
    seconds_left: int


class RequestCountRepository:
    """The request counts of one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, *, kind: str, source: str) -> Count:
        """Count one more request; return the new count.

        `kind` is "registration", "wrong_key" or "payee"; `source` is an address, or "user" and an id.
        """
        return await ADD.one(self._connection, Count, kind=kind, source=source)
