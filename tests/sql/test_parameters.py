"""Parameters and columns of every header are those of the prepared statement."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql.headers import header
from tests.sql.probes import FILES, Described, Sessions, describe


def contradictions(statement: Statement, described: Described) -> list[str]:
    """Return a line for each difference between a header and PostgreSQL's description."""
    types, columns = list(header(statement).types), list(header(statement).columns)
    lines = []
    if types != described[0]:
        lines.append(f"parameters: header {types}, PostgreSQL {described[0]}")
    if columns != described[1]:
        lines.append(f"columns: header {columns}, PostgreSQL {described[1]}")
    return lines


@pytest.mark.parametrize("name", FILES)
def test_a_header_agrees_with_the_prepared_statement(name: str, sessions_for: Callable[[str], Sessions]) -> None:
    """Types of parameters, and names, types and order of columns, are those that PostgreSQL infers."""
    statement = Statement(name)
    described = describe(sessions_for(name).running, statement.text)
    assert contradictions(statement, described) == []


@pytest.mark.parametrize(
    ("truth", "lie", "slot"),
    [
        ("$1 from_ids  bigint[]", "$1 from_ids  integer[]", "parameters"),
        (
            "-- $3 owners    bigint[]  users.id of the callers, each at the place of its order; null: any owner\n",
            "",
            "parameters",
        ),
        ("balance bigint", "balance integer", "columns"),
        ("id bigint, owner_id", "owner_id", "columns"),
    ],
)
def test_a_false_header_is_reported(
    truth: str,
    lie: str,
    slot: str,
    sessions_for: Callable[[str], Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A wrong type, a missing parameter and a missing column are reported (negative control)."""
    statement = altered("main/accounts/lock", truth, lie)
    [line] = contradictions(statement, describe(sessions_for(statement.name).running, statement.text))
    assert line.startswith(slot)
