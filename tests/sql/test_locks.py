"""The Locks slot of every header is what a second session sees: tables, rows, their order, and who waits."""

from collections.abc import Callable

import pytest

from repositories.postgres.statements import Statement
from tests.sql import probes
from tests.sql.headers import RowLock, header
from tests.sql.probes import FILES, Sessions

WHOLE_TABLES = ("enable_indexscan = off", "enable_bitmapscan = off")
CLAIMS = [(name, lock.table, lock.rows) for name in FILES for lock in header(Statement(name)).locks if lock.rows]
ORDERED = [(name, table) for name, table, rows in CLAIMS if rows.manner == "by id"]


def claimed(statement: Statement, table: str) -> RowLock:
    [rows] = [lock.rows for lock in header(statement).locks if lock.table == table and lock.rows]
    return rows


def contradictions(sessions: Sessions, statement: Statement) -> list[str]:
    """Return where the Locks slot differs from the tables and rows that a transaction holds which has run it."""
    named = {(lock.table, mode) for lock in header(statement).locks for mode in lock.modes}
    rows = {lock.table: lock.rows for lock in header(statement).locks}
    nodes = probes.plan(sessions.running, statement, whole_tables=True)
    with probes.holding(sessions, statement):
        held = probes.held_tables(sessions)
        found = [f"{table} {mode}: not held" for table, mode in sorted(named - held)]
        found += [f"{table} {mode}: not in the header" for table, mode in sorted(held - named)]
        for table in sorted({table for table, _ in held if not table.startswith("advisory ")}):
            found += row_contradictions(rows.get(table), table, locked_rows(sessions, table, rows.get(table)))
    # Where it writes all that it locks, the rows tell nothing of FOR …, but the plan does.
    if sum(node["Node Type"] == "LockRows" for node in nodes) > sum(bool(claim) for claim in rows.values()):
        found.append("rows: locked in the plan, not in the header")
    return found


def locked_rows(sessions: Sessions, table: str, claim: RowLock | None) -> list[probes.HeldRow]:
    """Return the rows that are locked and not written; where there are none, a claim is about those written."""
    held = probes.held_rows(sessions, table)
    return [row for row in held if not row.written] or (held if claim else [])


def row_contradictions(claim: RowLock | None, table: str, locked: list[probes.HeldRow]) -> list[str]:
    strengths = sorted({row.strength for row in locked})
    if not claim:
        return [f"{table}: rows {strength}, not in the header" for strength in strengths]
    found = []
    if strengths != [claim.strength]:
        found.append(f"{table}: header {claim.strength}, held {strengths}")
    if claim.several != (len(locked) > 1):
        found.append(f"{table}: header {'several rows' if claim.several else 'one row'}, held {len(locked)}")
    return found


def waiting_contradictions(
    sessions: Sessions, statement: Statement, table: str, settings: tuple[str, ...] = ()
) -> list[str]:
    """Return how a statement does not wait as its header says, for one row that somebody else holds."""
    claim = claimed(statement, table)
    with probes.holding(sessions, statement):
        places = [row.place for row in locked_rows(sessions, table, claim)]
    if claim.manner == "by id":
        places = probes.by_id(sessions.observer, table, places)
        assert len(places) >= 3, "an order is seen from three rows on"
    middle = len(places) // 2
    with probes.in_the_way(sessions, table, places[middle], statement, *settings) as waits:
        if waits != (claim.manner != "without waiting"):
            return [f"{table}: {'waits' if waits else 'does not wait'}"]
        free = probes.free(sessions.observer, table, places)
        if claim.manner == "by id" and free != set(places[middle + 1 :]):
            return [f"{table}: not locked by id"]
        if claim.manner == "without waiting" and (free or not places[1:]):
            return [f"{table}: the other rows are left out as well"]
    return []


@pytest.mark.parametrize("name", FILES)
def test_the_locks_slot_is_what_a_transaction_holds(name: str, sessions: dict[str, Sessions]) -> None:
    """Tables and modes are those of pg_locks; rows are held in the strength that is named, and no other row is."""
    assert contradictions(sessions[name.split("/", 1)[0]], Statement(name)) == []


@pytest.mark.parametrize(("name", "table"), [claim[:2] for claim in CLAIMS])
def test_rows_are_waited_for_as_the_locks_slot_says(name: str, table: str, sessions: dict[str, Sessions]) -> None:
    """Whoever finds 5 taken of 9, 5 and 3 has 3, waits, and has not 9, where it says `by id`; or leaves 5 out."""
    assert waiting_contradictions(sessions[name.split("/", 1)[0]], Statement(name), table) == []


@pytest.mark.parametrize(("name", "table"), ORDERED)
def test_rows_are_locked_by_id_without_an_index_as_well(name: str, table: str, sessions: dict[str, Sessions]) -> None:
    """The order is the statement's own, and not that of an index which the planner may leave aside."""
    assert waiting_contradictions(sessions[name.split("/", 1)[0]], Statement(name), table, WHOLE_TABLES) == []


@pytest.mark.parametrize(
    ("name", "truth", "lie"),
    [
        # Tables: a wrong mode, a mode and a table too few, a table too many, none at all.
        ("main/posts/update", "posts RowExclusiveLock", "posts AccessShareLock"),
        ("main/audits/trim", "audits AccessShareLock, RowExclusiveLock", "audits RowExclusiveLock"),
        ("main/posts/get", "posts, users AccessShareLock", "posts AccessShareLock"),
        ("main/posts/get", "posts, users AccessShareLock", "posts, users, api_keys AccessShareLock"),
        ("main/users/get", "users AccessShareLock", "none"),
        ("both/schema_migrations/lock", "advisory 4663154 ExclusiveLock", "none"),
        ("both/schema_migrations/lock", "advisory 4663154", "advisory 4663155"),
        ("both/schema_migrations/create", "-- Locks    none", "-- Locks    schema_migrations AccessShareLock"),
        ("main/database/create", "-- Locks    none", "-- Locks    pg_database RowExclusiveLock"),
        # Rows: a wrong strength in the header and in the statement, too few named, one for several and several for one.
        ("main/accounts/share", "its row FOR SHARE", "its row FOR KEY SHARE"),
        ("main/accounts/lock", "its rows FOR NO KEY UPDATE", "its rows FOR UPDATE"),
        ("main/accounts/lock", "\nFOR NO KEY UPDATE;", "\nFOR UPDATE;"),
        ("main/users/keep", "; its row FOR SHARE", ""),
        ("main/idempotency_keys/insert", "; its row FOR KEY SHARE", ""),
        ("main/holds/expire", "; its rows FOR NO KEY UPDATE, by id", ""),
        ("main/users/lock", "its row FOR", "its rows FOR"),
        ("main/accounts/lock", "its rows FOR NO KEY UPDATE, by id", "its row FOR NO KEY UPDATE"),
        ("main/users/get", "users AccessShareLock", "users RowShareLock; its row FOR SHARE"),
    ],
)
def test_a_locks_slot_that_lies_is_caught(
    name: str,
    truth: str,
    lie: str,
    sessions: dict[str, Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """Whatever is wrong of tables, modes, rows and strengths is contradicted (negative control)."""
    assert contradictions(sessions[name.split("/", 1)[0]], altered(name, truth, lie))


@pytest.mark.parametrize(("name", "table"), ORDERED)
def test_an_order_that_the_statement_does_not_have_is_caught(
    name: str, table: str, sessions: dict[str, Sessions], altered: Callable[[str, str, str], Statement]
) -> None:
    """Without its ORDER BY, no statement passes for one that locks by id (negative control)."""
    statement, there = altered(name, "ORDER BY id\n", "\n"), sessions[name.split("/", 1)[0]]
    found = [waiting_contradictions(there, statement, table, settings) for settings in ((), WHOLE_TABLES)]
    assert [f"{table}: not locked by id"] in found


@pytest.mark.parametrize(
    ("name", "table", "truth", "lie"),
    [
        ("main/users/lock", "users", "FOR NO KEY UPDATE\n", "FOR NO KEY UPDATE, without waiting\n"),
        ("main/accounts/lock", "accounts", "FOR NO KEY UPDATE;", "FOR NO KEY UPDATE SKIP LOCKED;"),
        ("main/purchases/lease", "purchases", ", without waiting", ""),
        ("main/purchases/lease", "purchases", " SKIP LOCKED", ""),
    ],
)
def test_a_lie_about_waiting_is_caught(
    name: str,
    table: str,
    truth: str,
    lie: str,
    sessions: dict[str, Sessions],
    altered: Callable[[str, str, str], Statement],
) -> None:
    """A header that says nothing of SKIP LOCKED, or says it of a statement without (negative control)."""
    assert waiting_contradictions(sessions[name.split("/", 1)[0]], altered(name, truth, lie), table)
