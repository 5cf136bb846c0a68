"""Invariants: the queries of `sql/<database>/invariants`, each of which returns the rows that break one invariant.

Each query reads a slice, and so a snapshot that lasts for a fraction of a second: while an older one is in use, the
server cannot remove old versions of busy rows. The type of a query's `after` and `until` says how its table is sliced.
"""

from collections.abc import Awaitable, Callable, Collection

import psycopg

from repositories.audit.steps import MAX_ROWS, Connections, Step
from repositories.audits import Check
from repositories.postgres.statements import Connection, Statement, statements
from repositories.products import ProductRepository
from repositories.slices import ENDS, SliceRepository

QUERIES = {database: statements(f"{database}/invariants") for database in ("catalog", "main")}
SLICE_SIZE = 5000
"""Rows of a table in a slice: 0.1 s, on a busy machine."""
BATCH_SIZE = 1000
"""Products that are counted at a time, and locked for that long."""


def check_name(query: Statement) -> str:
    """Return the name of a query's check, such as main/balance."""
    return query.name.replace("/invariants/", "/")


def reader(
    database: str, positions: str, names: Collection[str] | None = None
) -> Callable[[Connections, str | None], Awaitable[Step]]:
    """Return the step of those queries of a database whose positions have a type, or of the named ones among them."""
    queries = [
        query
        for query in QUERIES[database]
        if query.types[0] == positions and (names is None or query.name.rpartition("/")[2] in names)
    ]
    end = ENDS[positions][database]

    async def step(connections: Connections, after: str | None) -> Step:
        if database == "catalog":
            if after is None:
                await count_supplied(connections.catalog)
            return await _check(connections.catalog, queries, end, after)
        try:
            return await _check(connections.reader, queries, end, after)
        except psycopg.errors.SerializationFailure:
            # A standby may cancel a query whose rows the primary has removed.
            return await _check(connections.main, queries, end, after)

    return step


async def _check(connection: Connection, queries: Collection[Statement], end: Statement, after: str | None) -> Step:
    slice_ = await SliceRepository(connection, end).end(after=after, size=SLICE_SIZE)
    checks = [
        Check(check_name(query), await query.dicts(connection, after=after, until=slice_.until, limit=MAX_ROWS))
        for query in queries
    ]
    return Step(checks, slice_.until, slice_.progress)


async def count_supplied(catalog: Connection) -> None:
    """Count what products were supplied with that an earlier release inserted; a no-op once all are counted."""
    while await ProductRepository(catalog).count_supplied(limit=BATCH_SIZE):
        pass
