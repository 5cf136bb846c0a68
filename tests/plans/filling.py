"""The two large databases, filled by `sql/plans/main.sql` and `sql/plans/catalog.sql`."""

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


class NotTheSchema(Exception):
    """Filling left a database with other indexes or constraints than its migrations made."""


def steps(database: str) -> list[str]:
    """Return what fills a database, cut at blank lines: VACUUM is to be sent alone, and progress to be seen."""
    script = (ROOT / f"plans/{database}.sql").read_text()
    return [step for step in script.split("\n\n") if not step.splitlines()[-1].startswith("--")]


def fill(conninfo: str, database: str, on_step: Callable[[], None]) -> timedelta:
    """Fill a freshly migrated database and return how long that took; NotTheSchema where it is another one then."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        migrated = _schema(connection)
        for step in steps(database):
            cursor = connection.execute(step)
            on_step()
        if difference := migrated ^ _schema(connection):
            raise NotTheSchema(f"{database}: {sorted(difference)}")
        row = cursor.fetchone()
        assert row is not None
        return timedelta(seconds=round(row[0].total_seconds()))


def _schema(connection: psycopg.Connection[TupleRow]) -> set[str]:
    return {line for (line,) in connection.execute(SCHEMA)}
