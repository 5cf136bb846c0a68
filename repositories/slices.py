"""Slices: parts of the databases that an audit reads, each in one short snapshot.

A slice lies between two positions. A position is text, in the form of the parameters `after` and `until` of the
invariants that read the slice: an id, the id of an account with the version of an entry, or a time.
"""

from dataclasses import dataclass

from repositories.postgres.statements import Connection, Statement, statement

ENDS = {
    "bigint": {"main": statement("main/slices/ids"), "catalog": statement("catalog/slices/ids")},
    "bigint[]": {"main": statement("main/slices/entries")},
    "timestamptz": {"main": statement("main/slices/times")},
}
"""Statements that end a slice, by the type of its positions and by database."""
RECENT = statement("main/slices/recent")


@dataclass(frozen=True)
class Slice:
    """The end of a slice, None if it is the last, and the part of all slices that is then read, from 0 to 1."""

    until: str | None
    progress: float


@dataclass(frozen=True)
class _Recent:
    transfers: str | None
    purchases: str | None


class SliceRepository:
    """The slices of one connection, of positions that have one type."""

    def __init__(self, connection: Connection, end: Statement = RECENT) -> None:
        self._connection = connection
        self._end = end

    async def end(self, *, after: str | None, size: int) -> Slice:
        """End the slice after a position, or the first: it has at most `size` rows of each table."""
        return await self._end.one(self._connection, Slice, after=after, size=size)

    async def recent(self, *, since: str) -> dict[str, str | None]:
        """Return the positions before the first transfer and the first purchase since a time, by table."""
        return vars(await RECENT.one(self._connection, _Recent, since=since))
