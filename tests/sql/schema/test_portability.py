"""The migrations hold the rules that let them also run on a distributed engine, such as Citus."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from tests.harness import templates

QUOTED = re.compile(r"--[^\n]*|'[^']*'|\$\$.*?\$\$", re.DOTALL)
PARENTHESES = re.compile(r"\([^()]*\)")
CONSTRAINT = re.compile(
    r"(?P<name>CONSTRAINT \w+ )?(?:FOREIGN KEY \([^)]*\) REFERENCES|PRIMARY KEY|UNIQUE(?! INDEX)|CHECK|REFERENCES)\b"
)
STATEMENTS = [
    pytest.param(text, id=f"{database}/{migration.name} {number}")
    for database in DATABASES
    for migration in migrations.migrations(database)
    for number, text in enumerate(migrations.split(migration.text), 1)
]
MIXED = """
    SELECT tgname FROM pg_trigger
    WHERE NOT tgisinternal AND tgtype & 32 <> 0 AND tgtype & (4 | 8 | 16) <> 0
"""
"""Triggers for TRUNCATE (32) that also fire for INSERT (4), DELETE (8) or UPDATE (16)."""


def faults(statement: str) -> list[str]:
    """Return the rules that a statement of a migration breaks."""
    text = " ".join(QUOTED.sub("", statement).split())
    flat = text
    while PARENTHESES.search(flat):
        flat = PARENTHESES.sub("", flat)
    broken = {
        "one subcommand in each ALTER TABLE": flat.startswith("ALTER TABLE") and "," in flat,
        "names without a schema": "public." in text,
        "every constraint has a name": not all(found["name"] for found in CONSTRAINT.finditer(text)),
        "every index has a name": re.search(r"\bINDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?ON\b", text),
    }
    return [rule for rule, holds in broken.items() if holds]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_migration_is_portable(statement: str) -> None:
    """Each statement does one thing, on tables of the current schema, and names what it makes."""
    assert faults(statement) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("ALTER TABLE users ADD COLUMN a text, ADD COLUMN b text;", "one subcommand in each ALTER TABLE"),
        ("COMMENT ON TABLE public.users IS 'Users.';", "names without a schema"),
        ("CREATE TABLE tags (name text PRIMARY KEY);", "every constraint has a name"),
        ("CREATE TABLE tags (post_id bigint REFERENCES posts);", "every constraint has a name"),
        ("CREATE INDEX ON users (role);", "every index has a name"),
    ],
)
def test_a_migration_that_breaks_a_rule_is_found(statement: str, rule: str) -> None:
    """Each rule finds its breach (negative control)."""
    assert faults(statement) == [rule]


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, str]]:
    """Both databases, migrated; a test leaves them as they are."""
    with templates.clones() as conninfos:
        yield conninfos


@pytest.mark.parametrize("database", DATABASES)
def test_truncate_has_triggers_of_its_own(database: str, databases: dict[str, str]) -> None:
    """A trigger that names TRUNCATE names no other event: on Citus the others would never fire."""
    with psycopg.connect(databases[database]) as connection:
        assert connection.execute(MIXED).fetchall() == []
        connection.execute("CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
        connection.execute("CREATE TABLE later (id bigint)")
        connection.execute(
            "CREATE TRIGGER mixed BEFORE DELETE OR TRUNCATE ON later FOR EACH STATEMENT EXECUTE FUNCTION later()"
        )
        assert connection.execute(MIXED).fetchall() == [("mixed",)], "negative control"
        connection.rollback()
