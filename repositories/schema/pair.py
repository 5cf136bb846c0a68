"""The pair of databases: each refers to rows of the other by id, and no foreign key reaches across.

If one of them is restored alone to an earlier time, its sequences would give ids again to which the other still refers:
a new user would own the products of a lost one. So Folio does not serve a pair in which a database refers to an id
beyond the other's sequence. On engines on which each node gives ids from a range of its own, the last id says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from repositories.postgres import connections
from repositories.postgres.statements import Connection, statement

FIRST_ID_OF_RANGES = 1 << 48
"""On a distributed engine each node gives ids from a range of its own; that of the first one starts here."""


@dataclass(frozen=True)
class CatalogIds:
    """Ids of the catalog: the last one that it gave, or the largest one to which the main database refers."""

    products: int


@dataclass(frozen=True)
class MainIds:
    """Ids of the main database: the last one of each sequence, or the largest one to which the catalog refers."""

    users: int
    accounts: int
    purchases: int


@dataclass(frozen=True)
class LostId:
    """An id to which a database refers although the sequence of the other one has given ids up to `last` only."""

    database: str
    """The database whose sequence is behind."""
    table: str
    id: int
    last: int

    def __str__(self) -> str:
        other = "main" if self.database == "catalog" else "catalog"
        return f"{other} refers to {self.table} up to id {self.id}, but {self.database} has given ids up to {self.last}"

    @property
    def repair(self) -> str:
        """The statement that keeps the sequence from giving these ids again."""
        return f"in {self.database}: SELECT setval('{self.table}_id_seq', {self.id});"


@dataclass(frozen=True)
class Pair:
    """The comparison of both databases; `comparable` is False if nodes give ids from ranges of their own."""

    comparable: bool
    lost: list[LostId]


REFERENCES_OF_MAIN = statement("main/database/references")
REFERENCES_OF_CATALOG = statement("catalog/database/references")
LAST_OF_MAIN = statement("main/database/last_ids")
LAST_OF_CATALOG = statement("catalog/database/last_ids")


async def compare(conninfos: Mapping[str, str], *, purpose: str) -> Pair:
    """Compare the ids of both databases, also while others serve them. Raises Fault if one is away."""
    async with (
        connections.connect(conninfos["main"], purpose=purpose) as main,
        connections.connect(conninfos["catalog"], purpose=purpose) as catalog,
    ):
        return await compare_on(main, catalog)


async def compare_on(main: Connection, catalog: Connection) -> Pair:
    """Compare the ids on open connections."""
    # References are read first: ids that are given meanwhile only make the sequences larger.
    referred = {
        "main": await REFERENCES_OF_CATALOG.one(catalog, MainIds),
        "catalog": await REFERENCES_OF_MAIN.one(main, CatalogIds),
    }
    last = {
        "main": await LAST_OF_MAIN.one(main, MainIds),
        "catalog": await LAST_OF_CATALOG.one(catalog, CatalogIds),
    }
    lost = [
        LostId(database, table, largest, vars(last[database])[table])
        for database, ids in referred.items()
        for table, largest in vars(ids).items()
        if largest > vars(last[database])[table]
    ]
    comparable = all(max(vars(ids).values()) < FIRST_ID_OF_RANGES for ids in [*referred.values(), *last.values()])
    return Pair(comparable, lost if comparable else [])
