"""The negative control: if an index is lost, a statement that used it is reported."""

from collections.abc import Iterator, Mapping

from psycopg import sql

from tests.plans import document
from tests.plans.measurements import Case, Connection, Measurement, large_tables, measure, scratch

INDEXES = """
SELECT pg_class.relname
FROM pg_index
JOIN pg_class ON pg_class.oid = pg_index.indexrelid
JOIN pg_class AS indexed ON indexed.oid = pg_index.indrelid
WHERE indexed.relname = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE pg_constraint.conindid = pg_index.indexrelid)
ORDER BY pg_class.relname
"""
# The data set is too small for these indexes: without them another index keeps each case within its budget.
UNDETECTED = {
    "holds_active_idx": "accounts with thousands of holds",
    "holds_expires_at_idx": "many more active holds than overdue ones",
    "purchases_buyer_id_idx": "buyers of more than a thousand purchases",
    "purchases_product_id_idx": "an audit's slice of products with many purchases",
    "reservations_product_id_idx": "products with many reservations",
    "transfers_reference_by_idx": "writers of many references among many more transfers",
}


def control(
    connection: Connection,
    database: str,
    cases: list[Case],
    measurements: list[Measurement],
    document_rows: Mapping[tuple[str, str], document.Row],
) -> Iterator[list[str]]:
    """Drop each index of the large tables in turn, in a transaction; yield a line if no case reports the loss."""
    large = large_tables(connection)
    shapes = {(row.file, row.situation): row.shape for row in measurements}
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
        elif any(_is_reported(connection, index, case, large, document_rows) for case in users):
            yield []
        else:
            yield [f"{index}: without it, no statement that used it scans a large table or exceeds its budget"]


def _is_reported(
    connection: Connection,
    index: str,
    case: Case,
    large: set[str],
    document_rows: Mapping[tuple[str, str], document.Row],
) -> bool:
    with scratch(connection):
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(index)))
        without_index = measure(connection, case, large, runs=1)
    row = document_rows.get((case.file, case.situation))
    return bool(without_index.sequential_scans) or (row is not None and without_index.buffers > row.budget)
