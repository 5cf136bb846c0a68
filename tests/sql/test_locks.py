"""The Locks slot of every header names the locks that a second session sees: tables, rows, order and waits."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql import probes
from tests.sql.headers import RowLock, header
from tests.sql.probes import FILES, Sessions

WHOLE_TABLES = ("enable_indexscan = off", "enable_bitmapscan = off")
CLAIMS = [(name, lock.table, lock.rows) for name in FILES for lock in header(Statement(name)).locks if lock.rows]
ORDERED = [(name, table) for name, table, rows in CLAIMS if rows.manner == "by id"]


def row_claim(statement: Statement, table: str) -> RowLock:
    [rows] = [lock.rows for lock in header(statement).locks if lock.table == table and lock.rows]
    return rows


def contradictions(sessions: Sessions, statement: Statement) -> list[str]:
    """Return a line for each difference between the Locks slot and the locks of a transaction with the statement."""
    named = {(lock.table, mode) for lock in header(statement).locks for mode in lock.modes}
    rows = {lock.table: lock.rows for lock in header(statement).locks}
    nodes = probes.plan(sessions.running, statement, whole_tables=True)
    with probes.open_transaction(sessions, statement):
        locked = probes.locked_tables(sessions)
        lines = [f"{table} {mode}: not locked" for table, mode in sorted(named - locked)]
        lines += [f"{table} {mode}: not in the header" for table, mode in sorted(locked - named)]
        for table in sorted({table for table, _ in locked if not table.startswith("advisory ")}):
            lines += row_contradictions(rows.get(table), table, claimed_rows(sessions, table, rows.get(table)))
    # If the statement writes every row that it locks, only the plan shows the FOR … clause.
    if sum(node["Node Type"] == "LockRows" for node in nodes) > sum(bool(claim) for claim in rows.values()):
        lines.append("rows: locked in the plan, not in the header")
    return lines


def claimed_rows(sessions: Sessions, table: str, claim: RowLock | None) -> list[probes.LockedRow]:
    """Return the rows that a claim is about: those locked and not written or, if there are none, those written."""
    rows = probes.locked_rows(sessions, table)
    return [row for row in rows if not row.written] or (rows if claim else [])


def row_contradictions(claim: RowLock | None, table: str, locked: list[probes.LockedRow]) -> list[str]:
    strengths = sorted({row.strength for row in locked})
    if not claim:
        return [f"{table}: rows {strength}, not in the header" for strength in strengths]
    lines = []
    if strengths != [claim.strength]:
        lines.append(f"{table}: header {claim.strength}, locked {strengths}")
    if claim.several != (len(locked) > 1):
        lines.append(f"{table}: header {'several rows' if claim.several else 'one row'}, locked {len(locked)}")
    return lines


def waiting_contradictions(
    sessions: Sessions, statement: Statement, table: str, settings: tuple[str, ...] = ()
) -> list[str]:
    """Return a line if a statement treats a row that another session has locked not as its header says."""
    claim = row_claim(statement, table)
    with probes.open_transaction(sessions, statement):
        places = [row.place for row in claimed_rows(sessions, table, claim)]
    if claim.manner == "by id":
        places = probes.by_id(sessions.observer, table, places)
        assert len(places) >= 2, "an order needs two rows"
    middle = len(places) // 2
    with probes.rival_lock(sessions, table, places[middle], statement, *settings) as waits:
        if waits != (claim.manner != "without waiting"):
            return [f"{table}: {'waits' if waits else 'does not wait'}"]
        free = probes.free(sessions.observer, table, places)
        if claim.manner == "by id" and free != set(places[middle + 1 :]):
            return [f"{table}: not locked by id"]
        if claim.manner == "without waiting" and (free or not places[1:]):
            return [f"{table}: skips more than the locked row"]
    return []


@pytest.mark.parametrize("name", FILES)
def test_the_locks_slot_names_the_locks_of_the_transaction(name: str, sessions_for: Callable[[str], Sessions]) -> None:
    """Tables and modes are those of pg_locks; exactly the claimed rows are locked, in the claimed strength."""
    assert contradictions(sessions_for(name), Statement(name)) == []


@pytest.mark.parametrize(("name", "table"), [claim[:2] for claim in CLAIMS])
def test_rows_are_waited_for_as_the_locks_slot_says(
    name: str, table: str, sessions_for: Callable[[str], Sessions]
) -> None:
    """If row 5 of 9, 5 and 3 is locked, `by id` locks 3 and waits before 9; `without waiting` skips 5."""
    assert waiting_contradictions(sessions_for(name), Statement(name), table) == []


@pytest.mark.parametrize(("name", "table"), ORDERED)
def test_rows_are_locked_by_id_without_an_index_as_well(
    name: str, table: str, sessions_for: Callable[[str], Sessions]
) -> None:
    """The order comes from the statement, not from an index that the planner may not use."""
    assert waiting_contradictions(sessions_for(name), Statement(name), table, WHOLE_TABLES) == []


@pytest.mark.parametrize(
    ("name", "truth", "lie"),
    [
        # Tables: a wrong mode, a missing mode, a missing and an additional table, and a false `none`.
        ("main/posts/update", "posts RowExclusiveLock", "posts AccessShareLock"),
        ("main/audits/trim", "audits AccessShareLock, RowExclusiveLock", "audits RowExclusiveLock"),
        ("main/posts/get", "posts, users AccessShareLock", "posts AccessShareLock"),
        ("main/posts/get", "posts, users AccessShareLock", "posts, users, api_keys AccessShareLock"),
        ("main/users/get", "users AccessShareLock", "none"),
        ("both/schema_migrations/lock", "advisory 4663154 ExclusiveLock", "none"),
        ("both/schema_migrations/lock", "advisory 4663154", "advisory 4663155"),
        ("both/schema_migrations/create", "-- Locks    none", "-- Locks    schema_migrations AccessShareLock"),
        ("main/database/create", "-- Locks    none", "-- Locks    pg_database RowExclusiveLock"),
        # Rows: a wrong strength in the header and in the statement, a missing lock, and a wrong number of rows.
        ("main/accounts/share", "its row FOR SHARE", "its row FOR KEY SHARE"),
        ("main/accounts/lock", "its rows FOR NO KEY UPDATE", "its rows FOR UPDATE"),
        ("main/accounts/lock", "\nFOR NO KEY UPDATE;", "\nFOR UPDATE;"),
        ("main/users/keep", "; its row FOR SHARE", ""),
        ("main/idempotency_keys/insert", "; its row FOR KEY SHARE", ""),
        ("main/holds/expire", "; its rows FOR NO KEY UPDATE, by id", ""),
        ("main/users/lock", "its row FOR", "its rows FOR"),
        ("main/accounts/lock_pair", "its rows FOR NO KEY UPDATE, by id", "its row FOR NO KEY UPDATE"),
        ("main/users/get", "users AccessShareLock", "users RowShareLock; its row FOR SHARE"),
    ],
)
def test_a_false_locks_slot_is_reported(
    name: str,
    truth: str,
    lie: str,
    sessions_for: Callable[[str], Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A wrong table, mode, row or strength is reported (negative control)."""
    assert contradictions(sessions_for(name), altered(name, truth, lie))


@pytest.mark.parametrize(("name", "table"), ORDERED)
def test_a_false_order_is_reported(
    name: str, table: str, sessions_for: Callable[[str], Sessions], altered: Callable[[str, str, str], Statement]
) -> None:
    """If its ORDER BY is removed, a statement does not lock by id, and that is reported (negative control)."""
    statement, sessions = altered(name, "ORDER BY id\n", "\n"), sessions_for(name)
    lines = [waiting_contradictions(sessions, statement, table, settings) for settings in ((), WHOLE_TABLES)]
    assert [f"{table}: not locked by id"] in lines


@pytest.mark.parametrize(
    ("name", "table", "truth", "lie"),
    [
        ("main/users/lock", "users", "FOR NO KEY UPDATE\n", "FOR NO KEY UPDATE, without waiting\n"),
        ("main/accounts/lock", "accounts", "FOR NO KEY UPDATE;", "FOR NO KEY UPDATE SKIP LOCKED;"),
        ("main/purchases/lease", "purchases", ", without waiting", ""),
        ("main/purchases/lease", "purchases", " SKIP LOCKED", ""),
    ],
)
def test_a_false_claim_about_waiting_is_reported(
    name: str,
    table: str,
    truth: str,
    lie: str,
    sessions_for: Callable[[str], Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A missing or false `without waiting` is reported (negative control)."""
    assert waiting_contradictions(sessions_for(name), altered(name, truth, lie), table)
