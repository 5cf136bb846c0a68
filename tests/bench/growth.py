"""`python -m tests.bench.growth`: the bytes that a keyed transfer adds to each table and index.

pgbench runs the statements of a transfer between random accounts of 10,000. Pages of indexes split in halves and are
filled later, so the figures settle after some ten thousand transfers.
"""

from __future__ import annotations

from contextlib import ExitStack

from rich.console import Console
from rich.table import Table

from tests.bench import databases, pgbench
from tests.bench.pgbench import SPREAD, Script

SECONDS = 60
CLIENTS = 8
TABLES = ("transfers", "entries", "idempotency_keys")
SIZES = """
    SELECT class.relname, pg_relation_size(class.oid)
    FROM pg_class AS class
    LEFT JOIN pg_index ON pg_index.indexrelid = class.oid
    WHERE coalesce(pg_index.indrelid, class.oid) = ANY(ARRAY['transfers', 'entries', 'idempotency_keys']::regclass[])
"""


def main() -> None:
    """Fill an embedded server, make transfers, and print the table."""
    table = Table("table or index", "bytes for each transfer")
    with databases.storage() as folder, ExitStack() as stack:
        server = stack.enter_context(databases.running(folder))
        databases.fill(server)
        conninfo = server.conninfo("folio_main")
        before = dict(databases.rows(conninfo, SIZES))
        count = pgbench.run(Script(SPREAD, present=True), conninfo, CLIENTS, SECONDS).requests
        growth = {name: (size - before[name]) / count for name, size in databases.rows(conninfo, SIZES)}
    for name, size in sorted(growth.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{size:.0f}")
    for name in TABLES:
        table.add_row(
            f"{name} with its indexes", f"{sum(size for part, size in growth.items() if part.startswith(name)):.0f}"
        )
    table.add_row("all", f"{sum(growth.values()):.0f}")
    Console(width=100).print(table, f"{count} transfers")


if __name__ == "__main__":
    main()
