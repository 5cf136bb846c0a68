"""Parameters and columns of every header are what PostgreSQL says of the prepared statement."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql.headers import header
from tests.sql.probes import FILES, Described, Sessions, describe


def contradictions(statement: Statement, described: Described) -> list[str]:
    """Return where a header and PostgreSQL differ."""
    types, columns = list(header(statement).types), list(header(statement).columns)
    found = []
    if types != described[0]:
        found.append(f"parameters: header {types}, PostgreSQL {described[0]}")
    if columns != described[1]:
        found.append(f"columns: header {columns}, PostgreSQL {described[1]}")
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_header_agrees_with_the_prepared_statement(name: str, sessions: dict[str, Sessions]) -> None:
    """Parameter types and columns are what PostgreSQL infers, in name, type and order."""
    statement = Statement(name)
    described = describe(sessions[name.split("/", 1)[0]].running, statement.text)
    assert contradictions(statement, described) == []


@pytest.mark.parametrize(
    ("truth", "lie", "slot"),
    [
        ("$1 ids  bigint[]", "$1 ids  integer[]", "parameters"),
        ("-- $1 ids  bigint[]  accounts.id", "-- $ none", "parameters"),
        ("balance bigint", "balance integer", "columns"),
        ("id bigint, owner_id", "owner_id", "columns"),
    ],
)
def test_a_header_that_lies_is_caught(
    truth: str,
    lie: str,
    slot: str,
    sessions: dict[str, Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """Another type, a parameter too few and a column too few are each contradicted (negative control)."""
    statement = altered("main/accounts/lock", truth, lie)
    [found] = contradictions(statement, describe(sessions["main"].running, statement.text))
    assert found.startswith(slot)
