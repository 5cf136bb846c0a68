"""The statements hold the rules that let them also run on a distributed engine, such as Citus.

There a statement that writes runs on several servers: it is sent as text, or cut into its parts, and the engine refuses
what would come out differently. Two of its differences are silent, so the rules are held here, without the engine.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import psycopg
import pytest

from repositories.postgres.statements import ROOT, Statement
from tests.harness import templates
from tests.sql.probes import FILES
from tests.sql.test_readme import blocks_in

WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE)(?: /\*[^*]*\*/)?(?: INTO| FROM| \w+(?: AS \w+)? SET)\b")
VOLATILE = re.compile(r"\b(?:clock_timestamp|random|gen_random_uuid|timeofday)\(")
INSERTED = re.compile(r"\bINSERT(?: /\*[^*]*\*/)? INTO (\w+)")
CONDITIONS = re.compile(r"\b(?:WHERE|AND|OR|ON|WHEN)\b")
CLAUSES = re.compile(r"\b(?:GROUP|ORDER|RETURNING|LIMIT|FOR|SET|FROM|JOIN|SELECT)\b.*")
CONSTANT = re.compile(r"\$\d+(?:::\w+(?:\[\])?)?|'[^']*'|\b(?:NOT|IS|NULL|TRUE|FALSE|IN|ANY|DISTINCT|FROM|\d+)\b|\W")
PARENTHESES = re.compile(r"\([^()]*\)")
REFERENCES = """
    SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND conrelid <> confrelid
"""
INSERTED_INTO = """
    SELECT DISTINCT relation.relname FROM pg_class AS relation, pg_attribute AS attribute
    WHERE attribute.attrelid = relation.oid AND relation.relkind = 'r' AND attribute.attnum > 0
        AND relation.relnamespace = current_schema()::regnamespace
        AND has_column_privilege('folio_app', relation.oid, attribute.attnum, 'INSERT')
"""
NOT_COVERED = """
    SELECT relation.relname, attribute.attname FROM pg_class AS relation, pg_attribute AS attribute
    WHERE attribute.attrelid = relation.oid AND relation.relname = ANY(%s) AND attribute.attnum > 0
        AND relation.relnamespace = current_schema()::regnamespace
        AND NOT attribute.attisdropped AND attribute.attgenerated = ''
        AND NOT has_column_privilege('folio_app', relation.oid, attribute.attnum, 'INSERT')
"""


def flat(text: str) -> str:
    """Return a statement without comments, line breaks, and everything in parentheses: what its main part is."""
    text = " ".join(re.sub(r"--[^\n]*", "", text).split())
    while PARENTHESES.search(text):
        text = PARENTHESES.sub("", text)
    return text


def levels(text: str) -> Iterable[str]:
    """Yield each query of a statement, without those inside it."""
    text = " ".join(re.sub(r"--[^\n]*", "", text).split())
    yield flat(text)
    while PARENTHESES.search(text):
        yield from (found[1:-1] for found in PARENTHESES.findall(text))
        text = PARENTHESES.sub("", text)


def constant_conditions(query: str) -> list[str]:
    """Return the conditions of a query that name no column."""
    conditions = [CLAUSES.sub("", part) for part in CONDITIONS.split(query)[1:]]
    return [condition.strip() for condition in conditions if "$" in condition and not CONSTANT.sub("", condition)]


def faults(text: str, references: Iterable[tuple[str, str]] = ()) -> list[str]:
    """Return the rules that a statement breaks; `references` are the pairs of tables of foreign keys."""
    whole = " ".join(re.sub(r"--[^\n]*", "", text).split())
    if not WRITES.search(whole):
        return []
    inserted = INSERTED.findall(whole)
    late = [
        (child, parent)
        for child, parent in references
        if child in inserted and parent in inserted and inserted.index(child) < inserted.index(parent)
    ]
    modifying = re.search(r"\bAS (?:MATERIALIZED )?\( (?:INSERT|UPDATE|DELETE)\b", whole)
    broken = {
        "no volatile function in a write": VOLATILE.search(whole),
        "no function of the time in ON CONFLICT": any(
            re.search(r"\bDO UPDATE\b.*_timestamp\b", query) for query in levels(text)
        ),
        "no function of the time in CASE or RETURNING": any(
            re.search(r"\bCASE\b(?:(?!\bEND\b).)*_timestamp\b|\bRETURNING\b.*_timestamp\b", query)
            for query in levels(text)
        ),
        "no modifying CTE below a constant condition": modifying and constant_conditions(flat(text)),
        "rows are written before rows that refer to them": late,
        "no row lock in INSERT … SELECT": any(
            INSERTED.search(query) and re.search(r"\bFOR (?:NO KEY |KEY )?(?:SHARE|UPDATE)\b", query)
            for query in levels(text)
        ),
    }
    return [rule for rule, fault in broken.items() if fault]


@pytest.fixture(scope="module")
def references() -> list[tuple[str, str]]:
    """The foreign keys of both databases: the table that refers, and the table that it refers to."""
    pairs: list[tuple[str, str]] = []
    with templates.clones() as conninfos:
        for conninfo in conninfos.values():
            with psycopg.connect(conninfo) as connection:
                pairs += connection.execute(REFERENCES).fetchall()
    assert ("entries", "transfers") in pairs
    return pairs


@pytest.mark.parametrize("name", FILES)
def test_a_statement_is_portable(name: str, references: list[tuple[str, str]]) -> None:
    """Each file that writes holds every rule."""
    assert faults(Statement(name).text, references) == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE posts SET updated_at = clock_timestamp() WHERE id = $1::bigint", "no volatile function in a write"),
        (
            "INSERT INTO a (b) VALUES ($1::text) ON CONFLICT (b) DO UPDATE SET c = statement_timestamp()",
            "no function of the time in ON CONFLICT",
        ),
        (
            "UPDATE a SET b = CASE WHEN c > statement_timestamp() THEN 1 END",
            "no function of the time in CASE or RETURNING",
        ),
        (
            "UPDATE a SET b = 1 RETURNING b, c > statement_timestamp()",
            "no function of the time in CASE or RETURNING",
        ),
        (
            "WITH paid AS ( UPDATE a SET b = 1 RETURNING c ) UPDATE d SET e = 1 FROM paid WHERE $2::text = 'released'",
            "no modifying CTE below a constant condition",
        ),
        (
            "WITH entry AS ( INSERT INTO entries (a) VALUES ($1::bigint) ) INSERT INTO transfers (id) VALUES (1)",
            "rows are written before rows that refer to them",
        ),
        (
            "INSERT INTO accounts (owner_id) SELECT id FROM users WHERE id = $1::bigint FOR SHARE",
            "no row lock in INSERT … SELECT",
        ),
    ],
)
def test_a_statement_that_breaks_a_rule_is_found(statement: str, rule: str, references: list[tuple[str, str]]) -> None:
    """Each rule finds its breach (negative control)."""
    assert faults(statement, references) == [rule]


def test_no_file_names_a_schema() -> None:
    """`public` is a schema among others: a book of a distributed engine has its own."""
    files = [path for path in ROOT.rglob("*.sql") if path.name != "schema.sql" and "migrations" not in path.parts]
    assert [str(path) for path in files if re.search(r"\bpublic\b", re.sub(r"--[^\n]*", "", path.read_text()))] == []


@pytest.mark.parametrize("database", ["main", "catalog"])
def test_the_privileges_for_a_distributed_engine_cover_every_column(database: str) -> None:
    """There the server of a row is told every column, defaults included: docs/dba.md grants INSERT on whole tables."""
    if not templates.has_roles():
        pytest.skip("only a superuser makes the roles of tests")
    [grants] = [code for code, _ in blocks_in(Path("docs/dba.md").read_text(), "sql") if f"-- {database}" in code]
    with templates.clones() as conninfos, psycopg.connect(conninfos[database]) as connection:
        tables = [name for (name,) in connection.execute(INSERTED_INTO)]
        assert len(tables) > 1
        assert connection.execute(NOT_COVERED, (tables,)).fetchall() != [], "negative control"
        connection.execute(grants)
        assert connection.execute(NOT_COVERED, (tables,)).fetchall() == []
        connection.rollback()
