"""The ledger is append-only for every role and in every way: statements, TRUNCATE, and changes that are replicated."""

import asyncio
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from repositories.schema import migrations
from tests.harness import templates
from tests.harness.postgres import OPTIONS
from tests.harness.processes import until
from tests.harness.servers import new_server

Connection = psycopg.Connection[TupleRow]
ROWS = """
    INSERT INTO users (username, username_key) VALUES ('ada', 'ada');
    INSERT INTO accounts (owner_id, name, currency) VALUES (1, 'a', 'EUR'), (1, 'b', 'EUR');
    INSERT INTO transfers (from_account_id, to_account_id, amount, created_by, created_at) VALUES (1, 2, 5, 1, now());
    INSERT INTO entries (account_id, version, transfer_id, amount, balance_after, created_at)
    VALUES (1, 1, 1, -5, -5, now()), (2, 1, 1, 5, 5, now());
"""
CHANGES = ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]


@pytest.mark.parametrize(("table", "column"), [("transfers", "amount"), ("entries", "amount"), ("changes", "kind")])
@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_ledger_and_the_record_refuse_changes(change: str, role: str, table: str, column: str) -> None:
    """An administrator without ordinary triggers is refused as well."""
    with templates.clones() as conninfos, psycopg.connect(conninfos["main"], autocommit=True) as connection:
        connection.execute(ROWS)
        connection.execute(f"SET session_replication_role = {role}".encode())
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(change.format(table, column, column).encode())


@pytest.fixture
def copies() -> Iterator[tuple[Connection, Connection]]:
    """Two main databases of a server with logical replication: the second subscribes to the first."""
    options = OPTIONS | {"wal_level": "logical", "max_wal_senders": "10"}
    with new_server(options) as server, psycopg.connect(server.conninfo, autocommit=True) as admin:
        conninfos = [make_conninfo(server.conninfo, dbname=name) for name in ("publisher", "subscriber")]
        for name, conninfo in zip(("publisher", "subscriber"), conninfos, strict=True):
            admin.execute(f"CREATE DATABASE {name} TEMPLATE template0".encode())
            asyncio.run(migrations.migrate(conninfo, "main", lambda _: None))
        with (
            psycopg.connect(conninfos[0], autocommit=True) as publisher,
            psycopg.connect(conninfos[1], autocommit=True) as subscriber,
        ):
            publisher.execute(ROWS)
            publisher.execute("CREATE PUBLICATION ledger FOR TABLE users, accounts, transfers, entries")
            # A subscription within one server waits for itself if it creates its slot.
            publisher.execute("SELECT pg_create_logical_replication_slot('ledger', 'pgoutput')")
            subscriber.execute(
                f"CREATE SUBSCRIPTION ledger CONNECTION '{_from_within(publisher)}' PUBLICATION ledger"
                " WITH (create_slot = FALSE)".encode()
            )
            until(lambda: _value(subscriber, "SELECT count(*) FROM entries") == 2)
            yield publisher, subscriber
            subscriber.execute("ALTER SUBSCRIPTION ledger DISABLE")
            subscriber.execute("ALTER SUBSCRIPTION ledger SET (slot_name = NONE)")
            subscriber.execute("DROP SUBSCRIPTION ledger")


def _from_within(connection: Connection) -> str:
    """Return a connection string by which the server reaches itself: not the address of a container."""
    return make_conninfo(
        dbname=connection.info.dbname,
        user=connection.info.user,
        password=connection.info.password,
        host=_value(connection, "SHOW unix_socket_directories").strip('"'),
        port=_value(connection, "SHOW port"),
    )


def _value(connection: Connection, query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def test_logical_replication_applies_no_change_of_the_ledger(copies: tuple[Connection, Connection]) -> None:
    """A change that got past the publisher's triggers stops the subscription; without the row trigger it arrives."""
    publisher, subscriber = copies
    publisher.execute("ALTER TABLE entries DISABLE TRIGGER ALL")
    publisher.execute("UPDATE entries SET amount = 6, balance_after = 6 WHERE account_id = 2")
    until(lambda: bool(_value(subscriber, "SELECT sum(apply_error_count) > 0 FROM pg_stat_subscription_stats")))
    amount = "SELECT amount FROM entries WHERE account_id = 2"
    assert _value(subscriber, amount) == 5
    subscriber.execute("DROP TRIGGER entries_append_only_row ON entries")
    until(lambda: _value(subscriber, amount) == 6)
