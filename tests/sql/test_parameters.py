"""Every header under sql/ says what PostgreSQL says of the prepared statement."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import ExecStatus

from repositories.statements import ROOT, MalformedStatement, Statement
from tests import templates

FILES = sorted(
    str(path.relative_to(ROOT).with_suffix("")) for path in ROOT.glob("*/*/*.sql") if path.parent.name != "migrations"
)
Described = tuple[list[str], list[tuple[str, str]]]


@pytest.fixture(scope="module")
def connections() -> Iterator[dict[str, psycopg.Connection[psycopg.rows.TupleRow]]]:
    """A connection to each database; statements for both are described in main."""
    with templates.clones() as conninfos, psycopg.connect(conninfos["main"]) as main:
        with psycopg.connect(conninfos["catalog"]) as catalog:
            yield {"main": main, "both": main, "catalog": catalog}
            catalog.rollback()
        main.rollback()


def describe(connection: psycopg.Connection[psycopg.rows.TupleRow], text: str) -> Described:
    """Prepare a statement and return PostgreSQL's own words for its parameters and columns."""
    prepared = connection.pgconn.prepare(b"probe", text.encode())
    assert prepared.status == ExecStatus.COMMAND_OK, prepared.error_message
    found = connection.pgconn.describe_prepared(b"probe")
    parameters = [type_name(connection, found.param_type(number)) for number in range(found.nparams)]
    columns = [
        ((found.fname(number) or b"").decode(), type_name(connection, found.ftype(number)))
        for number in range(found.nfields)
    ]
    connection.execute("DEALLOCATE probe")
    return parameters, columns


def type_name(connection: psycopg.Connection[psycopg.rows.TupleRow], oid: int) -> str:
    row = connection.execute("SELECT format_type(%s, NULL)", (oid,)).fetchone()
    assert row is not None
    return str(row[0]).replace("timestamp with time zone", "timestamptz")


def contradictions(statement: Statement, described: Described) -> list[str]:
    """Return where a header and PostgreSQL differ."""
    types = [type_ for _, type_ in statement.header.parameters]
    found = []
    if types != described[0]:
        found.append(f"parameters: header {types}, PostgreSQL {described[0]}")
    if list(statement.header.columns) != described[1]:
        found.append(f"columns: header {list(statement.header.columns)}, PostgreSQL {described[1]}")
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_header_agrees_with_the_prepared_statement(
    name: str, connections: dict[str, psycopg.Connection[psycopg.rows.TupleRow]]
) -> None:
    """Parameter types and columns are what PostgreSQL infers, in name, type and order."""
    statement = Statement(name)
    described = describe(connections[name.split("/", 1)[0]], statement.text)
    assert contradictions(statement, described) == []


@pytest.mark.parametrize(
    ("lie", "truth"),
    [
        ("$1 ids  bigint[]", "$1 ids  integer[]"),
        ("balance bigint", "balance integer"),
        ("id bigint, owner_id", "owner_id"),
    ],
)
def test_a_header_that_lies_is_caught(
    lie: str,
    truth: str,
    connections: dict[str, psycopg.Connection[psycopg.rows.TupleRow]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each slot that PostgreSQL can contradict is contradicted (negative control)."""
    text = (ROOT / "main/accounts/lock.sql").read_text()
    assert lie in text
    (tmp_path / "main/accounts").mkdir(parents=True)
    (tmp_path / "main/accounts/lock.sql").write_text(text.replace(lie, truth))
    monkeypatch.setattr("repositories.statements.ROOT", tmp_path)
    statement = Statement("main/accounts/lock")
    assert contradictions(statement, describe(connections["main"], statement.text))


@pytest.mark.parametrize(
    ("old", "new"),
    [("/* main/accounts/lock */", "/* main/accounts/look */"), ("-- Index ", "-- Indx "), ("-- $1", "-- $2")],
)
def test_a_malformed_file_is_refused_at_import(
    old: str, new: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name, a missing slot or a parameter out of order fails when the file is read."""
    (tmp_path / "main/accounts").mkdir(parents=True)
    text = (ROOT / "main/accounts/lock.sql").read_text()
    (tmp_path / "main/accounts/lock.sql").write_text(text.replace(old, new))
    monkeypatch.setattr("repositories.statements.ROOT", tmp_path)
    with pytest.raises(MalformedStatement):
        Statement("main/accounts/lock")


def test_a_call_with_other_names_is_refused() -> None:
    """The loader knows each file's parameter names and takes no others."""
    lock = Statement("main/accounts/lock")
    assert lock.arguments({"ids": [1]}) == [[1]]
    for given in ({}, {"id": [1]}, {"ids": [1], "more": 2}):
        with pytest.raises(TypeError):
            lock.arguments(given)


def test_every_file_is_used() -> None:
    """No statement lies about that nobody sends."""
    code = "".join(path.read_text() for folder in ("api", "repositories") for path in Path(folder).rglob("*.py"))
    unused = [name for name in FILES if f'"{name}"' not in code and "/audit/" not in name and "/database/" not in name]
    assert unused == []
