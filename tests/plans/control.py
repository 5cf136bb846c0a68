"""The negative control: with any one index lost, a statement that used it is found out."""

from collections.abc import Iterator, Mapping

from psycopg import sql

from tests.plans import document
from tests.plans.measured import Case, Connection, Measured, large_tables, measure, scratch

INDEXES = """
SELECT pg_class.relname
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indexrelid
JOIN pg_class AS indexed ON indexed.oid = pg_index.indrelid
WHERE indexed.relname = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE pg_constraint.conindid = pg_index.indexrelid)
ORDER BY pg_class.relname
"""
# What these are for is more than the data set has: without them a case stays within its budget, by another index.
UNDETECTED = {
    "holds_active_idx": "accounts with thousands of holds",
    "holds_expires_at_idx": "many more active holds than overdue ones",
    "purchases_buyer_id_idx": "buyers of more than a thousand purchases",
}


def control(
    connection: Connection,
    database: str,
    cases: list[Case],
    measured: list[Measured],
    documented: Mapping[tuple[str, str], document.Documented],
) -> Iterator[list[str]]:
    """Lose each index of the large tables in turn, in a transaction, and yield a line where nothing was found then."""
    large = large_tables(connection)
    shapes = {(row.file, row.situation): row.shape for row in measured}
    for (index,) in connection.execute(INDEXES, (list(large),)).fetchall():
        users = [
            case
            for case in cases
            if case.database == database and not case.exception and index in shapes[case.file, case.situation]
        ]
        if index in UNDETECTED:
            continue
        if not users:
            yield [f"{index}: no plan uses it"]
        elif any(_noticed(connection, index, case, large, documented) for case in users):
            yield []
        else:
            yield [f"{index}: was dropped, and no statement that used it read a table whole or more than its budget"]


def _noticed(
    connection: Connection,
    index: str,
    case: Case,
    large: set[str],
    documented: Mapping[tuple[str, str], document.Documented],
) -> bool:
    with scratch(connection):
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        without = measure(connection, case, large, runs=1)
    known = documented.get((case.file, case.situation))
    return bool(without.read_whole) or (known is not None and without.buffers > known.budget)
