"""Probes that compare headers with PostgreSQL: they describe, plan and run a statement, and find its locks."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.rows import TupleRow

from repositories.postgres.statements import ROOT, Statement
from tests.harness.launcher import PATIENCE
from tests.plans.nodes import nodes
from tests.sql.arguments import AGAIN, arguments


def files(root: Path) -> list[str]:
    """Return the names of the statement files below a folder like sql/.

    Migrations and the steps of a move run once, each on the state that the one before left: test_migrations.py and
    test_moving.py run them.
    """
    return sorted(
        str(path.relative_to(root).with_suffix(""))
        for path in root.glob("*/*/*.sql")
        if path.parent.name not in {"migrations", "move"}
    )


FILES = files(ROOT)
FILES_WITHOUT_ROWS = {
    "both/server/activity",  # the PID of a backend is not known in advance
    "both/server/blockers",  # no backend waits
    *(name for name in FILES if "/invariants/" in name),  # no invariant is broken
}
STRENGTHS = ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE")
"""Strongest first: a row locked in the nth strength, counted from 0, can still be locked in n of them."""
Connection = psycopg.Connection[TupleRow]
Described = tuple[list[str], list[tuple[str, str]]]


@dataclass(frozen=True)
class Sessions:
    """Three sessions on one database: one runs the statement, a rival locks rows, an observer holds no lock."""

    running: Connection
    rival: Connection
    observer: Connection

    @property
    def running_pid(self) -> int:
        return self.running.info.backend_pid


@dataclass(frozen=True)
class LockedRow:
    """A row that existed before a statement ran and that its transaction has locked or written."""

    place: str
    strength: str
    written: bool


def describe(session: Connection, text: str) -> Described:
    """Prepare a statement and return the types of its parameters, and the names and types of its columns."""
    prepared = session.pgconn.prepare(b"probe", text.encode())
    assert prepared.status == ExecStatus.COMMAND_OK, prepared.error_message
    described = session.pgconn.describe_prepared(b"probe")
    parameters = [_type_name(session, described.param_type(number)) for number in range(described.nparams)]
    columns = [
        ((described.fname(number) or b"").decode(), _type_name(session, described.ftype(number)))
        for number in range(described.nfields)
    ]
    session.execute("DEALLOCATE probe")
    session.rollback()
    return parameters, columns


def _type_name(session: Connection, oid: int) -> str:
    [(name,)] = session.execute("SELECT format_type(%s, NULL)", (oid,))
    return str(name).replace("timestamp with time zone", "timestamptz")


def plan(session: Connection, statement: Statement, *, whole_tables: bool) -> list[dict[str, Any]]:
    """Return the nodes of the generic plan, if there is one; `whole_tables` permits sequential scans."""
    if statement.text.startswith("CREATE"):
        return []
    nulls = ", ".join(["NULL"] * len(statement.parameters))
    execute = f"EXECUTE probe ({nulls})" if nulls else "EXECUTE probe"
    try:
        session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        session.execute(f"SET LOCAL enable_seqscan = {'on' if whole_tables else 'off'}".encode())
        session.execute(f"PREPARE probe AS {statement.text}".encode())
        [(output,)] = session.execute(f"EXPLAIN (FORMAT JSON) {execute}".encode())
    finally:
        session.rollback()
        session.execute("DEALLOCATE ALL")
        session.rollback()
    return list(nodes(output[0]["Plan"]))


def indexes(plan_nodes: list[dict[str, Any]]) -> set[str]:
    """Return the names of all indexes in a plan, including those that detect conflicts."""
    arbiters = {name for node in plan_nodes for name in node.get("Conflict Arbiter Indexes", [])}
    return arbiters | {node["Index Name"] for node in plan_nodes if "Index Name" in node}


def run(session: Connection, statement: Statement) -> int:
    """Run a statement in a transaction that stays open, and return the number of its rows."""
    given = arguments(statement.name, statement.parameters)
    cursor = psycopg.RawCursor(session).execute(statement.text, statement.arguments(given))
    if statement.name in AGAIN:
        cursor.execute(statement.text, statement.arguments(given | AGAIN[statement.name]))
    return cursor.rowcount


def end(session: Connection) -> None:
    """Release all locks of a session."""
    session.rollback()
    session.execute("SELECT pg_advisory_unlock_all()")
    session.rollback()


@contextmanager
def open_transaction(sessions: Sessions, statement: Statement) -> Iterator[None]:
    """Keep a statement's transaction open; a statement that PostgreSQL refuses in a transaction leaves no lock."""
    try:
        row_count = run(sessions.running, statement)
        assert row_count or statement.name in FILES_WITHOUT_ROWS, (
            f"sql/{statement.name}.sql finds no row: change its arguments in tests/sql/arguments.py,"
            f" or add rows to tests/sql/data/{statement.name.split('/')[0].replace('both', 'main')}.sql"
        )
        yield
    except psycopg.errors.ActiveSqlTransaction:
        sessions.running.rollback()
        yield
    finally:
        end(sessions.running)


def locked_tables(sessions: Sessions) -> set[tuple[str, str]]:
    """Return the tables and advisory locks that the running transaction has locked, with their modes."""
    rows = sessions.observer.execute(
        "SELECT CASE locktype WHEN 'advisory' THEN 'advisory ' || objid ELSE relname END, mode"
        " FROM pg_locks LEFT JOIN pg_class ON pg_class.oid = relation"
        " WHERE pid = %s AND granted AND (locktype = 'advisory' OR relkind = 'r')",
        (sessions.running_pid,),
    )
    return {(table, mode) for table, mode in rows}


def locked_rows(sessions: Sessions, table: str) -> list[LockedRow]:
    """Return the rows of a table that the running transaction has locked, by probing each in every strength."""
    # xmax is the id of the only transaction that locked or wrote a row; the strength is found by probing.
    by_xmax = f"SELECT ctid::text FROM {table}, pg_stat_activity WHERE pid = %s AND xmax = backend_xid"
    places = [place for (place,) in sessions.observer.execute(by_xmax.encode(), (sessions.running_pid,))]
    if not places:
        return []
    unlocked = [free(sessions.observer, table, places, strength) for strength in STRENGTHS]
    # The transaction sees another version, or none, of a row that it wrote.
    unchanged = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[])"
    not_written = {place for (place,) in sessions.running.execute(unchanged.encode(), (places,))}
    strengths = {place: STRENGTHS[sum(place in free_places for free_places in unlocked)] for place in places}
    return [LockedRow(place, strength, place not in not_written) for place, strength in strengths.items()]


def free(observer: Connection, table: str, places: list[str], strength: str = "FOR UPDATE") -> set[str]:
    """Return the rows that can be locked now, and release them."""
    with observer.transaction(force_rollback=True):
        probe = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[]) {strength} SKIP LOCKED"
        return {place for (place,) in observer.execute(probe.encode(), (places,))}


def by_id(observer: Connection, table: str, places: list[str]) -> list[str]:
    """Return rows ordered by id."""
    ordered = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[]) ORDER BY id"
    return [place for (place,) in observer.execute(ordered.encode(), (places,))]


@contextmanager
def rival_lock(sessions: Sessions, table: str, place: str, statement: Statement, *settings: str) -> Iterator[bool]:
    """Lock one row, run a statement and yield True if it waits; then release the row and let the statement end."""
    with ThreadPoolExecutor(1) as thread:
        try:
            sessions.rival.execute(f"SELECT FROM {table} WHERE ctid = %s::tid FOR UPDATE".encode(), (place,))
            for setting in settings:
                sessions.running.execute(f"SET LOCAL {setting}".encode())
            running = thread.submit(run, sessions.running, statement)
            yield _waits(sessions, running)
            sessions.rival.rollback()
            running.result(PATIENCE)
        finally:
            sessions.rival.rollback()
            thread.shutdown()
            end(sessions.running)


def _waits(sessions: Sessions, running: Future[int]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not running.done():
        [(blocking,)] = sessions.observer.execute("SELECT pg_blocking_pids(%s)", (sessions.running_pid,))
        if sessions.rival.info.backend_pid in blocking:
            return True
        assert time.monotonic() < deadline, "the statement neither waits nor ends"
        time.sleep(0.005)
    return False
