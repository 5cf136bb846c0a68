"""The record of changes is complete if a release without it serves the same database, and for SQL by hand."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import TupleRow

from repositories.postgres.statements import ROOT
from repositories.schema import migrations
from tests.harness import templates

Connection = psycopg.Connection[TupleRow]
USERS = "INSERT INTO users (username, username_key) VALUES ('ada', 'ada'), ('bob', 'bob')"
OPEN = "INSERT INTO accounts (owner_id, name, currency) VALUES (1, 'a', 'EUR')"
FREEZE = "UPDATE accounts SET name = 'b', owner_id = 1, minimum = 0, status = 'frozen' WHERE id = 1"
OPENED = {"owner_id": 1, "minimum": 0, "status": "open"}
FROZEN = OPENED | {"status": "frozen"}


@pytest.fixture
def main() -> Iterator[str]:
    """A main database, migrated; as the administrator."""
    with templates.clones() as conninfos:
        yield conninfos["main"]


def recorded(connection: Connection) -> list[tuple[Any, ...]]:
    """Return the record in order."""
    return connection.execute(
        "SELECT kind, changed_by, coalesce(account_id, user_id), before, after FROM changes ORDER BY at, id"
    ).fetchall()


def test_a_release_without_the_record_needs_no_privilege_on_it(main: str) -> None:
    """The statements of the release before are recorded, with its privileges: an opening with its owner."""
    with psycopg.connect(main, autocommit=True) as admin, psycopg.connect(templates.served(main)) as served:
        admin.execute(USERS)
        if templates.has_roles():
            admin.execute("REVOKE ALL ON changes FROM folio_app")
        served.execute(OPEN)
        for _ in range(2):
            served.execute(FREEZE)
        served.execute("UPDATE accounts SET name = 'c', balance = 0, version = version WHERE id = 1")
        served.commit()
        assert recorded(admin) == [
            ("account_opened", 1, 1, None, OPENED),
            ("account_changed", None, 1, OPENED, FROZEN),
        ]


def test_a_session_cannot_divert_the_record(main: str) -> None:
    """A temporary table of the same name, or another path of schemas, changes nothing."""
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(USERS)
        connection.execute("CREATE TEMPORARY TABLE changes (LIKE public.changes)")
        connection.execute("CREATE SCHEMA other")
        connection.execute("CREATE TABLE other.changes (LIKE public.changes)")
        connection.execute("SET search_path = pg_temp, other, public")
        connection.execute(OPEN)
        connection.execute("UPDATE users SET role = 'operator' WHERE id = 2")
        for schema, number in (("pg_temp", 0), ("other", 0), ("public", 2)):
            assert connection.execute(f"SELECT count(*) FROM {schema}.changes".encode()).fetchone() == (number,)


def test_a_role_that_sql_gives_is_recorded(main: str) -> None:
    """Each change of a role has a row; writing the same role again has none."""
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(USERS)
        for role in ("operator", "operator", "member"):
            connection.execute("UPDATE users SET role = %s WHERE id = 2", (role,))
        member, operator = {"role": "member"}, {"role": "operator"}
        assert recorded(connection) == [
            ("role_changed", None, 2, member, operator),
            ("role_changed", None, 2, operator, member),
        ]


def test_the_record_stays_in_order_if_a_clock_runs_back(main: str) -> None:
    """A change is later than the last one of its account, even if that is in the future."""
    with psycopg.connect(main, autocommit=True) as connection:
        connection.execute(USERS)
        connection.execute("INSERT INTO accounts (id, owner_id, name, currency) VALUES (1, 1, 'a', 'EUR')")
        connection.execute(
            "INSERT INTO changes (at, kind, account_id, before, after)"
            " SELECT now() + interval '1 day', kind, 1, after, after FROM changes"
        )
        connection.execute(FREEZE)
        assert [after for *_, after in recorded(connection)] == [OPENED, OPENED, FROZEN]


async def migrate(conninfo: str, until: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the migrations of the main database before the one of this name, or all of them."""
    every = migrations.migrations
    with monkeypatch.context() as patch:
        patch.setattr(
            migrations,
            "migrations",
            lambda database: [file for file in every(database) if until is None or file.name < until],
        )
        await migrations.migrate(conninfo, "main", lambda _: None)


def test_accounts_from_before_the_record_have_a_first_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens between the two migrations, the record of each account begins before its first change."""
    begin = "0021_changes_begin.sql"
    with templates.empty() as conninfo, psycopg.connect(conninfo, autocommit=True) as connection:
        asyncio.run(migrate(conninfo, "0020_changes.sql", monkeypatch))
        connection.execute(USERS)
        connection.execute(OPEN)
        connection.execute(OPEN)
        connection.execute("UPDATE accounts SET minimum = NULL WHERE id = 2")
        asyncio.run(migrate(conninfo, begin, monkeypatch))
        connection.execute(FREEZE)
        connection.execute(OPEN)
        asyncio.run(migrate(conninfo, None, monkeypatch))
        unlimited = OPENED | {"minimum": None}
        assert sorted(recorded(connection), key=lambda row: row[2]) == [
            ("account_recorded", None, 1, None, OPENED),
            ("account_changed", None, 1, OPENED, FROZEN),
            ("account_recorded", None, 2, None, unlimited),
            ("account_opened", 1, 3, None, OPENED),
        ]
        invariant = (ROOT / "main/invariants/record.sql").read_text()
        assert psycopg.RawCursor(connection).execute(invariant, [None, None, 100]).fetchall() == []


def test_a_change_during_the_first_rows_comes_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that is changed while the migration runs keeps the state before as its first row."""
    begin = "0021_changes_begin.sql"
    with (
        templates.empty() as conninfo,
        psycopg.connect(conninfo, autocommit=True) as connection,
        psycopg.connect(conninfo) as other,
    ):
        asyncio.run(migrate(conninfo, "0020_changes.sql", monkeypatch))
        connection.execute(USERS)
        connection.execute(OPEN)
        asyncio.run(migrate(conninfo, begin, monkeypatch))
        other.execute(FREEZE)  # not committed before the migration is
        asyncio.run(migrate(conninfo, None, monkeypatch))
        other.commit()
        assert recorded(connection) == [
            ("account_recorded", None, 1, None, OPENED),
            ("account_changed", None, 1, OPENED, FROZEN),
        ]
