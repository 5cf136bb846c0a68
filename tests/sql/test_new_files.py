"""A new SQL file that is not complete fails with the path to edit."""

import shutil
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from repositories.postgres.statements import ROOT, Statement
from tests.harness import templates
from tests.sql import probes
from tests.sql.arguments import arguments
from tests.sql.test_plans import unmeasured
from tests.sql.test_roles import ungranted

NAME = "main/accounts/remove"
TEXT = """-- Remove an account.
--
-- ${parameter}  bigint  accounts.id
--
-- Returns  none
-- Index    accounts_pkey
-- Locks    accounts RowExclusiveLock
DELETE /* main/accounts/remove */ FROM accounts
WHERE id = -${number}::bigint;
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Statement]:
    """Add a file to a copy of sql/, with a parameter of this name, as its only new file."""

    def add(parameter: str) -> Statement:
        copy = tmp_path / "sql"
        shutil.copytree(ROOT, copy)
        (copy / f"{NAME}.sql").write_text(TEXT.format(parameter=f"1 {parameter}", number=1))
        monkeypatch.setattr("repositories.postgres.statements.ROOT", copy)
        [name] = set(probes.files(copy)) - set(probes.FILES)
        return Statement(name)

    return add


def test_a_file_without_a_grant_names_the_roles(added: Callable[[str], Statement], databases: dict[str, str]) -> None:
    """The application may not delete accounts."""
    if not templates.has_roles():
        pytest.skip("only a superuser makes the roles of tests")
    statement = added("id")
    with psycopg.connect(templates.served(databases["main"])) as connection:
        assert ungranted(connection, [statement.name, "main/accounts/get"]) == [
            "sql/main/accounts/remove.sql is refused to folio_app: grant what it needs in sql/main/roles.sql"
        ]


def test_a_file_without_an_argument_names_the_arguments(added: Callable[[str], Statement]) -> None:
    """No other file has a parameter of this name."""
    statement = added("number")
    with pytest.raises(AssertionError, match=r"sql/main/accounts/remove\.sql .* number: .* tests/sql/arguments\.py"):
        arguments(statement.name, statement.parameters)


def test_a_file_that_finds_no_row_names_the_data(
    added: Callable[[str], Statement], sessions_for: Callable[[str], probes.Sessions]
) -> None:
    """An id below zero is on no row."""
    statement = added("id")
    with (
        pytest.raises(AssertionError, match=r"sql/main/accounts/remove\.sql .* tests/sql/data/main\.sql"),
        probes.open_transaction(sessions_for("main"), statement),
    ):
        pass


def test_a_file_without_a_case_names_the_plan_parameters(
    added: Callable[[str], Statement], databases: dict[str, str]
) -> None:
    """Plans are measured with parameters of their own."""
    statement = added("id")
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        assert unmeasured(connection, [statement.name, "main/accounts/get"]) == [
            "sql/main/accounts/remove.sql has no case: add one to sql/plans/parameters.sql"
        ]
