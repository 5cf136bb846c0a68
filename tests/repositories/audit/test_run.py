"""Running an audit: in slices, with its progress in the database, so that any process goes on with it."""

import asyncio
from collections import Counter

import psycopg
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from repositories import slices
from repositories.audit import invariants, run, stages
from repositories.audit.run import Databases
from repositories.audit.steps import Connections, Step
from repositories.audit_passes import AuditPassRepository
from repositories.audits import Audit, AuditRepository
from repositories.postgres.statements import Connection, Statement
from tests.repositories.audit.books import Books

pytestmark = pytest.mark.full_pool

OPEN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'folio audit%'
        AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)
"""


@pytest.fixture(autouse=True)
def _unpaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "SHARE", 1.0)
    monkeypatch.setattr(run, "BUSY_SHARE", 1.0)


@pytest.fixture
def audited(app: FastAPI) -> Databases:
    """Where the service's audits read."""
    return service_of(app).audited


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, str | None]]:
    """Count how often each position of each stage of an audit of everything is read."""
    counted: Counter[tuple[str, str | None]] = Counter()

    def counting(stage: stages.Stage) -> stages.Stage:
        async def step(connections: Connections, after: str | None) -> Step:
            counted[stage.name, after] += 1
            return await stage.step(connections, after)

        return stages.Stage(stage.name, step, stage.start)

    monkeypatch.setattr(stages, "ALL", tuple(counting(stage) for stage in stages.ALL))
    return counted


async def last(databases: Databases) -> Audit:
    async with databases.main.checkout() as checkout:
        audit = await AuditRepository(checkout.connection).get_last()
    assert audit is not None
    return audit


def findings(audit: Audit) -> list[str]:
    """Return the names of the checks that found rows."""
    return [check["name"] for check in audit.checks if check["rows"]]


async def test_an_audit_runs_every_check_and_stores_its_result(books: Books, audited: Databases) -> None:
    """Each check is in the result once, in order; the progress rises to the last stage; no pass is left."""
    progress: list[tuple[float, str]] = []
    audit = await run.run_audit(audited, lambda done, stage: progress.append((done, stage)))
    assert [check["name"] for check in audit.checks] == run.NAMES
    assert [stage for _, stage in progress] == [stage.name for stage in stages.ALL]
    assert sorted(progress) == progress
    assert progress[-1] == (1.0, "times")
    assert await last(audited) == audit
    assert audit.completed_at == audit.finished_at
    assert await books.world.value("SELECT count(*) FROM audit_passes") == 0


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("broken", [False, True])
async def test_no_snapshot_outlives_a_slice(
    broken: bool, audited: Databases, books: Books, databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two slices an audit has no transaction open; one that spans slices is found (negative control)."""
    if broken:
        check = invariants._check

        async def spanning(connection: Connection, *rest: object) -> Step:
            if connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE:
                await connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return await check(connection, *rest)  # type: ignore[arg-type]

        monkeypatch.setattr(invariants, "_check", spanning)
    opened: list[int] = []
    with psycopg.connect(databases["main"], autocommit=True) as observer:

        def count(*_: object) -> None:
            row = observer.execute(OPEN).fetchone()
            assert row is not None
            opened.append(row[0])

        await run.run_audit(audited, count)
    assert len(opened) > 50
    assert any(opened) == broken


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("busy", [False, True])
async def test_an_audit_pauses_while_the_database_works_for_others(
    busy: bool, books: Books, audited: Databases, databases: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's audit reads an idle database without a pause."""
    monkeypatch.setattr(run, "BUSY_SHARE", 0.5)
    pauses: list[float] = []
    auditor, sleep = asyncio.current_task(), asyncio.sleep

    async def pause(seconds: float) -> None:
        if asyncio.current_task() is auditor:
            pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", pause)
    async with await psycopg.AsyncConnection.connect(databases["main"]) as other:
        working = asyncio.create_task(other.execute("SELECT pg_sleep(60)")) if busy else None
        await run.run_audit(audited)
        if working:
            await other.cancel_safe()
            with pytest.raises(psycopg.errors.QueryCanceled):
                await working
    assert len(pauses) > 40
    # The jobs of the service work now and then.
    assert (pauses.count(0) < len(pauses) / 2) == busy


@pytest.mark.usefixtures("small_slices")
async def test_any_process_goes_on_with_an_audit(
    books: Books, audited: Databases, steps: Counter[tuple[str, str | None]]
) -> None:
    """In turns of a step each, every slice is read once, and what was found on the way is in the result."""
    await books.corrupt(
        "main", "DELETE FROM transfers WHERE id = 1", "UPDATE accounts SET held = held + 1 WHERE id = 1"
    )
    await run.schedule(audited.main)
    turns = 0
    while await books.world.value("SELECT count(*) FROM audit_passes"):
        await run.resume(audited, 1e-6)
        turns += 1
    assert turns > 30
    # A stage that ended within a turn is begun where its last slice began.
    assert max(steps.values()) == 1
    assert findings(await last(audited)) == ["main/entries_pair_up", "main/held"]


@pytest.mark.usefixtures("small_slices")
async def test_an_audit_whose_process_died_is_taken_over_once(books: Books, audited: Databases) -> None:
    """Not before its lease has expired; then the first process, if it lives after all, stores nothing."""
    async with audited.main.checkout() as checkout:
        state = await AuditPassRepository(checkout.connection).insert(seconds=run.LEASE_SECONDS)
    await run.resume(audited, 10)
    assert await books.world.value("SELECT count(*) FROM audits") == 0
    await books.world.connection.execute("UPDATE audit_passes SET leased_until = now()")
    await run.resume(audited, 10)
    assert await books.world.value("SELECT count(*) FROM audits") == 1
    assert await run._Run(audited, state).work() == await last(audited)
    assert await books.world.value("SELECT count(*) FROM audits") == 1
    await run.schedule(audited.main)
    async with audited.main.checkout() as checkout:
        passes = AuditPassRepository(checkout.connection)
        mine = await passes.take(seconds=0)
        assert mine is not None
        assert await passes.save(mine, checks=[], seconds=0)
        theirs = await passes.take(seconds=60)
        assert theirs is not None
        assert theirs.id == mine.id
        assert not await passes.save(mine, checks=[], seconds=60)
        assert not await passes.delete(mine)


async def test_what_is_new_is_audited_first_and_keeps_earlier_findings(books: Books, audited: Databases) -> None:
    """A finding stays until an audit of everything no longer has it; before the first audit, nothing is new."""
    await run.schedule(audited.main)
    assert await books.world.value("SELECT count(*) FROM audit_passes") == 1
    await run.resume(audited, 60)
    assert findings(await last(audited)) == []
    await books.corrupt("main", "UPDATE accounts SET held = held + 1 WHERE id = 1")
    complete = await run.run_audit(audited)
    assert findings(complete) == ["main/held"]
    await books.corrupt(
        "main",
        "UPDATE accounts SET held = held - 1 WHERE id = 1",
        "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = 1 AND version = 2",
    )
    assert await books.audit_new() == {"main/chain", "main/held"}
    assert (await last(audited)).completed_at == complete.finished_at
    await run.schedule(audited.main)
    assert await books.world.value("SELECT count(*) FROM audit_passes") == 2
    await run.resume(audited, 60)
    assert findings(await last(audited)) == ["main/chain"]
    assert await books.world.value("SELECT count(*) FROM audits WHERE completed_at IS NULL") == 3


async def test_an_audit_of_what_is_new_leaves_older_rows_alone(books: Books, audited: Databases) -> None:
    """A change of an old transfer is found by an audit of everything."""
    await run.run_audit(audited)
    await books.corrupt(
        "main",
        "UPDATE transfers SET created_at = created_at - interval '1 hour'",
        "UPDATE entries SET created_at = created_at - interval '1 hour'",
        "UPDATE idempotency_keys SET created_at = created_at - interval '1 hour'",
        "UPDATE accounts SET entered_at = entered_at - interval '1 hour'",
        "UPDATE accounts SET created_at = created_at - interval '2 hours'",
        "UPDATE users SET created_at = created_at - interval '2 hours'",
        "UPDATE entries SET balance_after = balance_after + 1 WHERE account_id = 1 AND version = 2",
    )
    assert await books.audit_new() == set()
    assert "main/chain" in findings(await run.run_audit(audited))


async def test_ids_need_not_be_dense(books: Books, audited: Databases, steps: Counter[tuple[str, str | None]]) -> None:
    """Nor in order of time: a slice ends after a number of rows, whatever their ids are."""
    await books.corrupt(
        "main",
        f"UPDATE transfers SET id = id + {1 << 48} WHERE id <= 4",
        f"UPDATE transfers SET reverses_id = reverses_id + {1 << 48} WHERE reverses_id <= 4",
        f"UPDATE entries SET transfer_id = transfer_id + {1 << 48} WHERE transfer_id <= 4",
        f"UPDATE idempotency_keys SET resource_id = resource_id + {1 << 48}"
        " WHERE kind = 'transfer' AND resource_id <= 4",
        "DELETE FROM idempotency_keys WHERE kind = 'batch'",
    )
    assert findings(await run.run_audit(audited)) == []
    assert sum(steps.values()) == len(stages.ALL)
    await books.corrupt("main", f"DELETE FROM entries WHERE transfer_id = {(1 << 48) + 4}")
    assert await books.audit_new() == {"main/chain", "main/entries_pair_up"}


async def test_an_audit_reads_from_the_standby_that_is_named(
    books: Books, databases: dict[str, str], audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The invariants of main are read there; if it is away, the primary is read."""
    service = run.Databases(databases, audited.main, databases["main"] + " options='-c work_mem=4444kB'")
    async with service.connect() as opened:
        cursor = await opened.reader.execute("SHOW work_mem")
        assert await cursor.fetchone() == ("4444kB",)
        step = await stages.ALL[4].step(Connections(opened.catalog, opened.catalog, opened.reader), None)
        assert len(step.checks) == sum(query.types[0] == "bigint" for query in invariants.QUERIES["main"])
    away = run.Databases(databases, audited.main, "host=127.0.0.1 port=1 dbname=none")
    async with away.connect() as opened:
        assert opened.reader is opened.main
    assert findings(await run.run_audit(away)) == []


async def test_a_slice_that_the_standby_cancels_is_read_from_the_primary(
    books: Books, databases: dict[str, str], audited: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recovery conflict (40001) ends a query of a standby whose rows the primary has removed."""
    conflict = Statement("main/slices/ids")
    conflict.text = (
        "SELECT CASE WHEN current_setting('work_mem') = '4444kB' AND $1::bigint IS NULL AND $2::bigint > 0"
        " THEN raise_conflict() END AS until, 1::double precision AS progress"
    )
    await books.world.connection.execute(
        "CREATE FUNCTION raise_conflict() RETURNS text LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'conflict with recovery' USING ERRCODE = '40001'; END $$"
    )
    service = run.Databases(databases, audited.main, databases["main"] + " options='-c work_mem=4444kB'")
    step = invariants.reader("main", "bigint")
    monkeypatch.setitem(slices.ENDS["bigint"], "main", conflict)
    failing = invariants.reader("main", "bigint")
    async with service.connect() as opened:
        assert (await failing(opened, None)).until is None
        assert len((await step(opened, None)).checks) > 5
