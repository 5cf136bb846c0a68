"""A database can be moved by logical replication, and into any schema."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from repositories.postgres.statements import ROOT
from repositories.schema.databases import DATABASES
from tests.harness import templates

WITHOUT_IDENTITY = """
    SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
        AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = pg_class.oid AND indisprimary)
"""
FIRED_BY_REPLICATION = """
    SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('A', 'R') AND tgtype & 4 <> 0
"""
"""Triggers for INSERT (4) that also, or only, fire for changes that are replicated."""
GENERATED = "SELECT attname FROM pg_attribute WHERE attgenerated <> '' AND attrelid >= 16384"
"""Generated columns: PostgreSQL 17 and older do not replicate them."""
RULES = [
    (WITHOUT_IDENTITY, ["CREATE TABLE later (note text)"], "later"),
    (
        FIRED_BY_REPLICATION,
        [
            "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "CREATE TABLE later (id bigint)",
            "CREATE TRIGGER later BEFORE INSERT ON later FOR EACH ROW EXECUTE FUNCTION later()",
            "ALTER TABLE later ENABLE ALWAYS TRIGGER later",
        ],
        "later",
    ),
    (GENERATED, ["CREATE TABLE later (id bigint, twice bigint GENERATED ALWAYS AS (id * 2) STORED)"], "twice"),
]
PUBLIC = re.compile(r"\bpublic\.|(?<!TO )(?<!FROM )\bpublic\b", re.IGNORECASE)
"""The schema; TO or FROM PUBLIC is the role of all."""


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, str]]:
    """Both databases, migrated; a test leaves them as they are."""
    with templates.clones() as conninfos:
        yield conninfos


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize(("query", "breach", "found"), RULES, ids=["identity", "triggers", "generated"])
def test_every_table_can_be_replicated(
    query: str, breach: list[str], found: str, database: str, databases: dict[str, str]
) -> None:
    """Each table has a primary key, no trigger fires for a row that is replicated, and every column is sent."""
    with psycopg.connect(databases[database]) as connection:
        assert connection.execute(query.encode()).fetchall() == []
        for statement in breach:
            connection.execute(statement.encode())
        assert connection.execute(query.encode()).fetchall() == [(found,)], "negative control"
        connection.rollback()


def test_no_file_names_the_schema() -> None:
    """Statements, migrations and roles work in the current schema; schema.sql is pg_dump's."""
    files = [path for path in ROOT.rglob("*.sql") if path.name != "schema.sql"]
    assert [path for path in files if PUBLIC.search(path.read_text(encoding="utf-8"))] == []
    for breach in ("SELECT 1 FROM public.users", "SET search_path = public", "'public'::regnamespace"):
        assert PUBLIC.search(breach), "negative control"
