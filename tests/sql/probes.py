"""The means by which headers are held to the truth: what PostgreSQL says of a statement described, planned and run."""

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
from tests.sql.arguments import arguments


def files(root: Path) -> list[str]:
    """Return the names of all statement files below a folder like sql/."""
    return sorted(
        str(path.relative_to(root).with_suffix(""))
        for path in root.glob("*/*/*.sql")
        if path.parent.name != "migrations"
    )


FILES = files(ROOT)
FINDS_NOTHING = {
    "both/server/activity",  # nobody knows a backend's PID beforehand
    *(name for name in FILES if "/invariants/" in name),  # all is well
}
STRENGTHS = ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE")
"""From the strongest to the weakest: a row that is held in the nth, counted from 0, can be had in n of them."""
Connection = psycopg.Connection[TupleRow]
Described = tuple[list[str], list[tuple[str, str]]]


@dataclass(frozen=True)
class Sessions:
    """On one database: who runs the statement, who is in its way, and who looks on and holds nothing."""

    running: Connection
    rival: Connection
    observer: Connection

    @property
    def running_pid(self) -> int:
        return self.running.info.backend_pid


@dataclass(frozen=True)
class HeldRow:
    """A row that was there before a statement ran and that its transaction holds."""

    place: str
    strength: str
    written: bool


def describe(session: Connection, text: str) -> Described:
    """Prepare a statement and return PostgreSQL's own words for its parameters and columns."""
    prepared = session.pgconn.prepare(b"probe", text.encode())
    assert prepared.status == ExecStatus.COMMAND_OK, prepared.error_message
    found = session.pgconn.describe_prepared(b"probe")
    parameters = [_type_name(session, found.param_type(number)) for number in range(found.nparams)]
    columns = [
        ((found.fname(number) or b"").decode(), _type_name(session, found.ftype(number)))
        for number in range(found.nfields)
    ]
    session.execute("DEALLOCATE probe")
    session.rollback()
    return parameters, columns


def _type_name(session: Connection, oid: int) -> str:
    [(name,)] = session.execute("SELECT format_type(%s, NULL)", (oid,))
    return str(name).replace("timestamp with time zone", "timestamptz")


def plan(session: Connection, statement: Statement, *, whole_tables: bool) -> list[dict[str, Any]]:
    """Return the nodes of the generic plan, none for what has no plan; `whole_tables`: may it read them if it likes."""
    if statement.text.startswith("CREATE"):
        return []
    nulls = ", ".join(["NULL"] * len(statement.parameters))
    execute = f"EXECUTE probe ({nulls})" if nulls else "EXECUTE probe"
    try:
        session.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        session.execute(f"SET LOCAL enable_seqscan = {'on' if whole_tables else 'off'}".encode())
        session.execute(f"PREPARE probe AS {statement.text}".encode())
        [(explained,)] = session.execute(f"EXPLAIN (FORMAT JSON) {execute}".encode())
    finally:
        session.rollback()
        session.execute("DEALLOCATE ALL")
        session.rollback()
    return list(_nodes(explained[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def indexes(nodes: list[dict[str, Any]]) -> set[str]:
    """Return the names of all indexes in a plan, with those that decide conflicts."""
    arbiters = {name for node in nodes for name in node.get("Conflict Arbiter Indexes", [])}
    return arbiters | {node["Index Name"] for node in nodes if "Index Name" in node}


def run(session: Connection, statement: Statement) -> int:
    """Run a statement in a transaction that is left open, and return how many rows it found."""
    given = statement.arguments(arguments(statement.name, statement.parameters))
    return psycopg.RawCursor(session).execute(statement.text, given).rowcount


def end(session: Connection) -> None:
    """Let go of all that a session holds."""
    session.rollback()
    session.execute("SELECT pg_advisory_unlock_all()")
    session.rollback()


@contextmanager
def holding(sessions: Sessions, statement: Statement) -> Iterator[None]:
    """Have a statement's transaction open; what PostgreSQL refuses in one holds nothing when it is done."""
    try:
        found = run(sessions.running, statement)
        assert found or statement.name in FINDS_NOTHING, (
            f"sql/{statement.name}.sql finds no row: change its arguments in tests/sql/arguments.py,"
            f" or add rows to tests/sql/data/{statement.name.split('/')[0].replace('both', 'main')}.sql"
        )
        yield
    except psycopg.errors.ActiveSqlTransaction:
        sessions.running.rollback()
        yield
    finally:
        end(sessions.running)


def held_tables(sessions: Sessions) -> set[tuple[str, str]]:
    """Return which tables, and advisory locks, the running transaction holds, in which modes."""
    rows = sessions.observer.execute(
        "SELECT CASE locktype WHEN 'advisory' THEN 'advisory ' || objid ELSE relname END, mode"
        " FROM pg_locks LEFT JOIN pg_class ON pg_class.oid = relation"
        " WHERE pid = %s AND granted AND (locktype = 'advisory' OR relkind = 'r')",
        (sessions.running_pid,),
    )
    return {(table, mode) for table, mode in rows}


def held_rows(sessions: Sessions, table: str) -> list[HeldRow]:
    """Return the rows of a table that the running transaction holds, by probing each in every strength."""
    # Every row that a transaction alone has locked or written bears its number; how strongly, only probes tell.
    marked = f"SELECT ctid::text FROM {table}, pg_stat_activity WHERE pid = %s AND xmax = backend_xid"
    places = [place for (place,) in sessions.observer.execute(marked.encode(), (sessions.running_pid,))]
    if not places:
        return []
    had = [free(sessions.observer, table, places, strength) for strength in STRENGTHS]
    # Of a row that it wrote, the transaction itself sees another version, or none.
    unchanged = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[])"
    kept = {place for (place,) in sessions.running.execute(unchanged.encode(), (places,))}
    strengths = {place: STRENGTHS[sum(place in places for places in had)] for place in places}
    return [HeldRow(place, strength, place not in kept) for place, strength in strengths.items()]


def free(observer: Connection, table: str, places: list[str], strength: str = "FOR UPDATE") -> set[str]:
    """Return which of these rows can be locked now; they are not locked afterwards."""
    with observer.transaction(force_rollback=True):
        probe = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[]) {strength} SKIP LOCKED"
        return {place for (place,) in observer.execute(probe.encode(), (places,))}


def by_id(observer: Connection, table: str, places: list[str]) -> list[str]:
    """Return rows in the order of their ids."""
    ordered = f"SELECT ctid::text FROM {table} WHERE ctid = ANY(%s::tid[]) ORDER BY id"
    return [place for (place,) in observer.execute(ordered.encode(), (places,))]


@contextmanager
def in_the_way(sessions: Sessions, table: str, place: str, statement: Statement, *settings: str) -> Iterator[bool]:
    """Hold one row, run a statement, and tell whether it waits; then let it go on to its end."""
    with ThreadPoolExecutor(1) as thread:
        try:
            sessions.rival.execute(f"SELECT FROM {table} WHERE ctid = %s::tid FOR UPDATE".encode(), (place,))
            for setting in settings:
                sessions.running.execute(f"SET LOCAL {setting}".encode())
            done = thread.submit(run, sessions.running, statement)
            yield _waits(sessions, done)
            sessions.rival.rollback()
            done.result(PATIENCE)
        finally:
            sessions.rival.rollback()
            thread.shutdown()
            end(sessions.running)


def _waits(sessions: Sessions, done: Future[int]) -> bool:
    started = time.monotonic()
    while not done.done():
        [(blocking,)] = sessions.observer.execute("SELECT pg_blocking_pids(%s)", (sessions.running_pid,))
        if sessions.rival.info.backend_pid in blocking:
            return True
        assert time.monotonic() - started < PATIENCE, "it neither waits nor ends"
        time.sleep(0.005)
    return False
