"""The commands of docs/moving.md move a book to another server while it serves, and nothing of it is lost."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest

from repositories.postgres.statements import ROOT, Statement
from tests.faults import judge
from tests.faults.load import Load
from tests.faults.trial import Trial, running
from tests.harness.launcher import PATIENCE
from tests.harness.payments import order
from tests.harness.postgres import KIND
from tests.harness.processes import command, service, until
from tests.harness.servers import Container, Embedded, Server
from tests.harness.world import World
from tests.sql import probes
from tests.sql.headers import header
from tests.sql.moving import BLOCKS, PAGE, Move, opened
from tests.sql.probes import Sessions
from tests.sql.test_parameters import contradictions

MAX_SECONDS_WITHOUT_WRITES = 5.0
STARTING = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'object' AND classid = 'pg_database'::regclass AND mode = 'RowExclusiveLock'
        AND objid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Sessions of this database that have not started completely."""


@pytest.fixture
async def move(tmp_path: Path) -> AsyncIterator[Move]:
    """A book on an embedded server, and another embedded server."""
    async with opened(Embedded, tmp_path) as opened_move:
        yield opened_move


def seconds_without_writes(load: Load) -> float:
    """Return the longest time between two successful writes."""
    times = sorted(answer.ended_at for answer in load.answers if answer.succeeded and answer.route != "read")
    return max(later - earlier for earlier, later in pairwise(times))


def ids_given_twice(load: Load) -> set[tuple[str, int | None]]:
    """Return the resources that were acknowledged under two keys."""
    writes = [answer for answer in load.answers if answer.succeeded and answer.route not in {"read", "capture"}]
    keys: dict[tuple[str, int | None], set[str]] = {}
    for answer in writes:
        keys.setdefault((answer.route, answer.resource_id), set()).add(answer.key)
    return {resource for resource, of_resource in keys.items() if len(of_resource) > 1}


@pytest.mark.parametrize(
    ("image", "switches", "name"),
    [
        ("", ["folio_main folio_catalog"], "PostgreSQL 18 to 18, both databases at once"),
        ("postgres:15-alpine", ["folio_main", "folio_catalog"], "PostgreSQL 15 to 18, main, then the catalog"),
    ],
    ids=["18", "15"],
)
async def test_a_book_moves_under_load(
    image: str, switches: list[str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every promise of the faults is kept, writes are refused for less than 5 s, and Folio is not restarted.

    With UPDATE=1 the figures go into the page.
    """
    if image and os.environ[KIND] != "container":
        pytest.skip("no Docker Engine answers")
    monkeypatch.setenv("FOLIO_TEST_IMAGE", image)
    async with opened(Container if image else Embedded, tmp_path) as move:
        trial = Trial(lambda _, __: None, move.urls("judge", move.source, move.target))
        trial.service_settings = move.settings(move.source, move.target)

        @asynccontextmanager
        async def switched() -> AsyncIterator[None]:
            await asyncio.to_thread(move.copy)
            yield
            for names in switches:
                done = await asyncio.to_thread(move.shell, f"switch {names}")
                assert done.returncode == 0, done.stdout
                await trial.load.wait_for_successes(since=time.monotonic())

        figures = await trial.run(name, switched(), seconds=1)
        gap = seconds_without_writes(trial.load)
        assert figures.violations == []
        assert gap < MAX_SECONDS_WITHOUT_WRITES
        assert ids_given_twice(trial.load) == set()
        await asyncio.to_thread(move.page, "release")
        doctor = await asyncio.to_thread(command, "doctor", "--json", settings=move.settings(move.target))
        assert (doctor.returncode, json.loads(doctor.stdout)["ok"]) == (0, True), doctor.stdout
        audit = await asyncio.to_thread(command, "audit", "--json", settings=move.settings(move.target))
        assert json.loads(audit.stdout)["ok"], audit.stdout
    if os.environ.get("UPDATE"):
        refused = sum(sum(routes.values()) for routes in figures.refused.values())
        row = f"| {name} | {figures.tries} | {refused} | 0 | {figures.longest:.1f} s | {gap:.1f} s |"
        PAGE.write_text(re.sub(rf"^\| {name} \|.*$", row, PAGE.read_text(), flags=re.MULTILINE))


async def test_a_source_that_is_not_frozen_loses_writes(move: Move) -> None:
    """Negative control: if the source takes writes after it was handed over, the judge finds them lost."""
    move.edit("hand_over", "RAISE EXCEPTION", "RAISE NOTICE")
    move.edit("hand_over", "pg_terminate_backend(pid, 5000)", "pid")
    trial = Trial(lambda _, __: None, move.urls("judge", move.source))
    async with running(move.settings(move.source, move.target)) as folio:
        await trial.load.open(folio.port)
        async with trial.load:
            await asyncio.to_thread(move.copy)
            await asyncio.to_thread(move.run, "SOURCE", "hand_over")
            await asyncio.to_thread(move.run, "TARGET", "take_over")
            await trial.load.wait_for_successes(since=time.monotonic())
    stored = await judge.resources(move.urls("judge", move.target)["main"])
    lost = judge.lost_or_doubled(trial.load.answers, stored)
    assert any(line.endswith("was acknowledged and is lost") for line in lost), lost


async def test_no_step_can_be_skipped(move: Move) -> None:
    """Each step refuses if the one before is missing; then the source serves on, and the switch can be repeated."""
    for step in ("hand_over", "take_over"):
        move.edit(step, "20 seconds", "2 seconds")
    move.refused("TARGET", "publish", "wal_level is replica, not logical")
    with move.administrator(move.source) as source:
        source.execute("CREATE TABLE notes (note text)")
        move.refused("SOURCE", "publish", "without a primary key no change can be replicated: notes")
        source.execute("DROP TABLE notes")
    move.copy()
    move.refused("SOURCE", "hand_over", "folio_main is not frozen")
    move.refused("TARGET", "take_over", "the last change of the source has not arrived")
    for server, change, undo, reason in [
        (move.source, "CREATE TABLE notes (id bigint PRIMARY KEY)", "DROP TABLE notes", "publication: notes"),
        (
            move.source,
            "BEGIN; INSERT INTO leases VALUES ('a', now()); PREPARE TRANSACTION 'p'",
            "ROLLBACK PREPARED 'p'",
            "a prepared",
        ),
        (
            move.source,
            "INSERT INTO schema_migrations VALUES (9999, 'x', 'x')",
            "DELETE FROM schema_migrations WHERE version = 9999",
            "the source was migrated during the move",
        ),
        (move.target, "CREATE TABLE notes (id bigint PRIMARY KEY)", "DROP TABLE notes", "not copied: notes"),
    ]:
        with move.administrator(server) as changed:
            changed.execute(change.encode())
        assert reason in move.shell(BLOCKS["switch"][0]).stdout
        for url in move.urls("folio_service", move.source).values():
            psycopg.connect(url).close()
        with move.administrator(server) as changed:
            changed.execute(undo.encode())
    with move.administrator(move.target) as target:
        target.execute("ALTER SUBSCRIPTION folio_move DISABLE")
        until(lambda: move.run("SOURCE", "lag").startswith("f|"))
        refused = move.shell(BLOCKS["switch"][0]).stdout
        assert "the target has not followed within" in refused
        assert "it may have taken over" in refused
        target.execute("ALTER SUBSCRIPTION folio_move ENABLE")
        until(lambda: move.run("SOURCE", "lag").startswith("t|"))
    move.run("SOURCE", "thaw")

    with move.administrator(move.source) as source:
        source.execute("INSERT INTO users (username, username_key) VALUES ('late', 'late')")
    move.page("switch")
    with move.administrator(move.target) as target:
        assert target.execute("SELECT id, username FROM users").fetchall() == [(1, "late")]
        assert target.execute("SELECT nextval('users_id_seq')").fetchone() == (2,)
    move.refused("SOURCE", "thaw", "the target does not follow: it may have taken over")


async def test_a_forgotten_process_writes_nothing(move: Move) -> None:
    """A process that sleeps through the switch, an open transaction and a session that still starts write no more."""
    async with await psycopg.AsyncConnection.connect(move.urls("judge", move.source)["main"], autocommit=True) as main:
        ada = await World(main).person("ada")
        body = order(await World(main).account(ada, minimum=None), await World(main).account(ada))

    def forget() -> None:
        move.copy()
        old = {name: url.replace("read-write", "primary") for name, url in move.settings(move.source).items()}
        with (
            service(old) as folio,
            move.administrator(move.source, autocommit=False) as session,
            ThreadPoolExecutor(1) as thread,
        ):
            session.execute("INSERT INTO users (username, username_key) VALUES ('late', 'late')")
            # The server waits after it has read the settings of the session.
            slowly = f"{old['FOLIO_MAIN_DATABASE_URL']} options='-c post_auth_delay=20'"
            starting = thread.submit(lambda: psycopg.connect(slowly))
            until(lambda: session.execute(STARTING).fetchone() == (1,))
            os.kill(folio.process.pid, signal.SIGSTOP)
            move.page("switch")
            os.kill(folio.process.pid, signal.SIGCONT)
            with pytest.raises(psycopg.OperationalError), starting.result(PATIENCE) as started:
                started.execute("DELETE FROM posts")
            with pytest.raises(psycopg.OperationalError):
                session.execute("COMMIT")
            paid = folio.request("POST", "/transfers", json=body, headers=ada.paying())
            read = folio.request("GET", "/users/me", headers=ada.headers)
            assert (paid.status_code, read.status_code) == (503, 503), paid.text + read.text
        with (
            psycopg.connect(move.source.conninfo, dbname="folio_main") as superuser,
            pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
        ):
            superuser.execute("DELETE FROM posts")
        for server in (move.source, move.target):
            with move.administrator(server) as connection:
                assert connection.execute("SELECT username FROM users").fetchall() == [("ada",)]
                assert connection.execute("SELECT count(*) FROM transfers").fetchone() == (0,)

    await asyncio.to_thread(forget)


async def test_the_headers_of_the_steps_are_true(move: Move) -> None:
    """Parameters, columns and locks are those that PostgreSQL shows, each at its step."""
    checked = set()

    def check(step: str, server: Server) -> None:
        statement = Statement(f"both/move/{step}")
        with move.administrator(server, autocommit=False) as running:
            assert contradictions(statement, probes.describe(running, statement.text)) == []
            running.execute(statement.text.encode())
            with move.administrator(server) as observer:
                locked = probes.locked_tables(Sessions(running, observer, observer))
            running.rollback()
        claimed = {(lock.table, mode) for lock in header(statement).locks for mode in lock.modes}
        assert {(kind(table), mode) for table, mode in locked} == claimed, step
        checked.add(step)

    check("publish", move.source)
    move.page("copy")
    check("copying", move.target)
    until(lambda: not move.page("copying"))
    check("lag", move.source)
    check("freeze", move.source)
    move.run("SOURCE", "freeze")
    check("hand_over", move.source)
    check("thaw", move.source)
    move.run("SOURCE", "hand_over")
    check("take_over", move.target)
    move.page("cancel")
    assert move.run("SOURCE", "lag") == ""
    move.page("unfreeze")
    for url in move.urls("folio_service", move.source).values():
        psycopg.connect(url).close()
    assert checked == {path.stem for path in (ROOT / "both/move").iterdir()}


def kind(table: str) -> str:
    """Return `tables` for a table of the book, as headers of files for both databases call it."""
    return table if table.startswith("pg_") or table in {"handover", "schema_migrations"} else "tables"
