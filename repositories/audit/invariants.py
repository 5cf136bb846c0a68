"""Invariants: the queries of `sql/<database>/invariants`, each of which returns the rows that break one invariant."""

from collections.abc import Callable

from repositories.audits import Check
from repositories.postgres.statements import Connection, statements
from repositories.products import ProductRepository

QUERIES = {database: statements(f"{database}/invariants") for database in ("catalog", "main")}
BATCH_SIZE = 1000
"""Products that are counted at a time, and locked for that long."""


async def check(connection: Connection, database: str, on_check: Callable[[Check], None], *, limit: int) -> None:
    """Check every invariant of a database, with at most `limit` rows each.

    Each query reads a repeatable-read snapshot of its own: a snapshot that lasts keeps the server from removing the
    old versions of busy rows.
    """
    for query in QUERIES[database]:
        await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
        rows = await query.dicts(connection, limit=limit)
        await connection.execute("COMMIT", prepare=False)
        on_check(Check(query.name.replace("/invariants/", "/"), rows))


async def count_supplied(catalog: Connection) -> None:
    """Count what products were supplied with that an earlier release inserted; a no-op once all are counted."""
    while await ProductRepository(catalog).count_supplied(limit=BATCH_SIZE):
        pass
