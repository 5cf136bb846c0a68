"""Fills the two large databases with `sql/plans/main.sql` and `sql/plans/catalog.sql`."""

from collections.abc import Callable
from datetime import timedelta

import psycopg
from psycopg.rows import TupleRow

from repositories.postgres.statements import ROOT

SCHEMA = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
ORDER BY 1
"""


class SchemaChanged(Exception):
    """A database has other indexes or constraints after the filling than after its migrations."""


def steps(database: str) -> list[str]:
    """Return the script of a database, cut at blank lines: VACUUM must be sent alone, and progress is shown by step."""
    script = (ROOT / f"plans/{database}.sql").read_text()
    return [step for step in script.split("\n\n") if not step.splitlines()[-1].startswith("--")]


def fill(conninfo: str, database: str, on_step: Callable[[], None]) -> timedelta:
    """Fill a freshly migrated database and return the duration, or raise SchemaChanged."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        migrated = _schema(connection)
        for step in steps(database):
            cursor = connection.execute(step)
            on_step()
        if difference := migrated ^ _schema(connection):
            raise SchemaChanged(f"{database}: {sorted(difference)}")
        row = cursor.fetchone()
        assert row is not None
        return timedelta(seconds=round(row[0].total_seconds()))


def _schema(connection: psycopg.Connection[TupleRow]) -> set[str]:
    return {line for (line,) in connection.execute(SCHEMA)}
