"""Invariants: the queries of `sql/main/invariants`, each of which returns the rows that break one invariant."""

from collections.abc import Callable

from repositories.audits import Check
from repositories.postgres.statements import Connection, statements

QUERIES = statements("main/invariants")


async def check(connection: Connection, on_check: Callable[[Check], None], *, limit: int) -> None:
    """Check every invariant in one repeatable-read snapshot, with at most `limit` rows each.

    The transaction ends with the connection.
    """
    await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", prepare=False)
    for query in QUERIES:
        name = query.name.replace("/invariants/", "/")
        on_check(Check(name, await query.dicts(connection, limit=limit)))
