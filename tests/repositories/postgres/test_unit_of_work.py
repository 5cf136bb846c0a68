"""COMMIT when it fails: no acknowledged write is lost, none is done twice, and every answer is true."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import anyio
import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.idempotency_keys import Key
from repositories.ledger import transfers as ledger
from repositories.ledger.keys import Outcome
from repositories.postgres import connections
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import Defect, Fault, OutcomeUnknown, Taken
from repositories.postgres.operation import CommitState, Operation, running
from repositories.postgres.statements import Connection
from repositories.transfers import ShownTransfer, TransferOrder
from tests.harness.payments import order
from tests.harness.proxy import Proxy, Trouble, proxy
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """A proxy between the application and the main database."""
    async with proxy(served["main"]) as between:
        yield between


@pytest.fixture
def settings(served: dict[str, str], network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FOLIO_MAIN_POOL_MIN_SIZE", "2")
    monkeypatch.setenv("FOLIO_MAIN_POOL_MAX_SIZE", "2")
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "30")
    monkeypatch.setitem(connections.REQUEST_BUDGETS, "statement_timeout", "60s")
    return Settings(
        main_database_url=network.conninfo,
        catalog_database_url=served["catalog"],
        sweep_interval=3600,  # its COMMIT would meet the trouble
    ).model_copy(update={"request_timeout": 60.0})


@pytest.fixture
async def payment(world: World) -> tuple[Person, dict[str, object]]:
    """A user, and the body of a transfer that the user can make."""
    ada = await world.person("ada")
    return ada, order(await world.account(ada, minimum=None), await world.account(ada))


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_commit_whose_answer_is_lost_is_exactly_one_transfer(
    client: httpx.AsyncClient, network: Proxy, world: World, payment: tuple[Person, dict[str, object]], trouble: Trouble
) -> None:
    """Whether COMMIT arrived or not, the unit runs again under its key, and the stored key tells the outcome."""
    ada, body = payment
    network.trouble = trouble
    answer = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert network.committing.is_set()
    assert answer.status_code == 201, answer.text
    assert await world.value("SELECT count(*) FROM transfers") == 1
    again = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert (again.status_code, again.content) == (201, answer.content)


async def test_a_commit_into_a_black_hole_is_an_unknown_outcome_in_time(
    client: httpx.AsyncClient, network: Proxy, world: World, payment: tuple[Person, dict[str, object]]
) -> None:
    """The lost backend still holds its locks: 503 outcome_unknown, and a later retry with the same key is safe."""
    ada, body = payment
    network.trouble = Trouble.SWALLOW
    started = time.monotonic()
    answer = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert time.monotonic() - started < 30  # COMMIT has its own deadline, long before that of the request
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert int(answer.headers["Retry-After"]) > 0
    # transaction_timeout would do this a little later.
    await world.connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    again = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert again.status_code == 201, again.text
    assert await world.value("SELECT count(*) FROM transfers") == 1


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_lost_commit_of_a_batch_or_a_hold_is_run_again_as_a_whole(
    client: httpx.AsyncClient, network: Proxy, world: World, payment: tuple[Person, dict[str, object]], trouble: Trouble
) -> None:
    """A batch, a hold and its capture are each written once, and answered as they were written."""
    ada, body = payment
    batch = {"atomic": False, "transfers": [body, body]}
    requests = [("/transfers/batch", batch), ("/holds", body | {"expires_in": 60}), ("/holds/{id}/capture", {})]
    hold_id = 0
    for template, asked in requests:
        path = template.format(id=hold_id)
        network.trouble = trouble
        network.committing.clear()
        answer = await client.post(path, json=asked, headers=ada.paying(path))
        assert network.committing.is_set()
        assert answer.is_success, answer.text
        again = await client.post(path, json=asked, headers=ada.paying(path))
        assert (again.status_code, again.content) == (answer.status_code, answer.content)
        hold_id = answer.json().get("id", 0)
        if "items" in answer.json():
            assert [item["status"] for item in answer.json()["items"]] == [201, 201]
    assert await world.value("SELECT count(*) FROM transfers") == 3
    assert await world.value("SELECT count(*) FROM holds") == 1


async def test_without_a_key_a_lost_commit_is_an_unknown_outcome(
    client: httpx.AsyncClient, network: Proxy, payment: tuple[Person, dict[str, object]]
) -> None:
    """Without a stored key the outcome cannot be found: 503 outcome_unknown, and no retry."""
    ada, _ = payment
    network.trouble = Trouble.CUT_AFTER
    answer = await client.post("/posts", json={"title": "t", "content": "c"}, headers=ada.headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    async with asyncio.timeout(60):
        while not (posts := (await client.get("/posts")).json()["items"]):  # noqa: ASYNC110 - the server may be behind
            await asyncio.sleep(0.05)
    assert len(posts) == 1


async def test_a_commit_that_turns_into_a_rollback_never_answers_2xx(
    client: httpx.AsyncClient,
    world: World,
    payment: tuple[Person, dict[str, object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After one swallowed error PostgreSQL answers COMMIT with ROLLBACK, which psycopg does not raise."""
    whole = ledger.transfer

    async def careless(connection: Connection, *, order: TransferOrder, key: Key) -> Outcome[ShownTransfer]:
        answer = await whole(connection, order=order, key=key)
        with contextlib.suppress(psycopg.Error):
            await connection.execute("SELECT 1 / 0")
        return answer

    ada, body = payment
    monkeypatch.setattr(ledger, "transfer", careless)
    answer = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert (answer.status_code, answer.json()["code"]) == (503, "transaction_rolled_back")
    assert await world.value("SELECT count(*) FROM transfers") == 0


@pytest.mark.parametrize("how", ["native", "anyio"])
async def test_a_cancelled_request_outlasts_its_commit(app: FastAPI, network: Proxy, world: World, how: str) -> None:
    """A cancellation is raised only after COMMIT is confirmed, and the connection stays usable."""
    network.trouble = Trouble.DELAY
    scope = anyio.CancelScope()

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')")

    async with service_of(app).pools["main"].checkout() as checkout:

        async def write() -> None:
            with scope:
                await units.run(checkout, work)

        task = asyncio.create_task(write())
        await asyncio.wait_for(network.committing.wait(), 20)
        task.cancel() if how == "native" else scope.cancel()
        await asyncio.sleep(0)
        network.release.set()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # anyio's shield keeps the scope's cancellation out, and the unit ended before the next await.
        assert task.cancelled() == (how == "native")
        assert not checkout.connection.closed
        assert await world.value("SELECT count(*) FROM audits") == 1


async def test_a_client_that_hangs_up_during_commit_leaves_the_transfer_whole(
    app: FastAPI, network: Proxy, world: World, payment: tuple[Person, dict[str, object]]
) -> None:
    """The transfer is committed, and the connection serves the next request."""
    ada, body = payment
    network.trouble = Trouble.DELAY
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            hanging = asyncio.create_task(http.post("/transfers", json=body, headers=ada.paying("k")))
            await asyncio.wait_for(network.committing.wait(), 20)
            hanging.cancel()
            await asyncio.wait({hanging})
        network.release.set()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http:
            again = await http.post("/transfers", json=body, headers=ada.paying("k"))
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
        assert await world.value("SELECT count(*) FROM transfers") == 1
    finally:
        server.should_exit = True
        await serving


async def test_a_unit_that_is_not_committed_is_rolled_back(app: FastAPI, world: World) -> None:
    """Rollback is the default, commit is explicit."""
    async with service_of(app).pools["main"].checkout() as checkout:
        async with units.UnitOfWork(checkout.connection):
            await checkout.connection.execute("INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')")
        assert await world.value("SELECT count(*) FROM audits") == 0
        async with units.UnitOfWork(checkout.connection) as unit:
            await checkout.connection.execute("INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')")
            await unit.commit()
        assert await world.value("SELECT count(*) FROM audits") == 1


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_serialization_failures_and_deadlocks_are_retried_three_times(app: FastAPI, state: str) -> None:
    """After the third retry the fault is `contention`, never a wrong refusal."""
    runs = 0

    async def work(connection: Connection) -> int:
        nonlocal runs
        runs += 1
        if runs <= failures:
            await connection.execute(f"DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '{state}'; END $$")
        return runs

    async with service_of(app).pools["main"].checkout() as checkout:
        failures = 3
        assert await units.run(checkout, work) == 4
        runs, failures = 0, 4
        with pytest.raises(Fault) as raised:
            await units.run(checkout, work)
        assert (runs, raised.value.code) == (4, "contention")


async def insert_audit(connection: Connection) -> None:
    await connection.execute("INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')")


@pytest.mark.parametrize(("final", "state"), [(True, CommitState.COMMITTED), (False, CommitState.IDLE)])
async def test_the_outcome_is_unknown_until_the_re_run_is_committed(
    app: FastAPI, network: Proxy, *, final: bool, state: CommitState
) -> None:
    """Not even the beginning of the re-run takes UNKNOWN back; its confirmed COMMIT does."""
    network.trouble = Trouble.CUT_BEFORE
    states = []
    with running(Operation("test")) as operation:

        async def work(connection: Connection) -> None:
            states.append(operation.commit)
            await insert_audit(connection)

        async with service_of(app).pools["main"].checkout() as checkout:
            await units.run(checkout, work, repeatable=True, final=final)
    assert states == [CommitState.IDLE, CommitState.UNKNOWN]
    assert operation.commit is state


async def test_a_commit_whose_task_is_cancelled_is_an_unknown_outcome(
    app: FastAPI, network: Proxy, world: World
) -> None:
    """The shutdown of the event loop cancels every task: here COMMIT has reached the server all the same."""
    network.trouble = Trouble.DELAY
    with running(Operation("test")) as operation:
        async with service_of(app).pools["main"].checkout() as checkout:
            task = asyncio.create_task(units.run(checkout, insert_audit))
            await asyncio.wait_for(network.committing.wait(), 20)
            [commit] = units._commits_in_flight
            commit.cancel()
            network.release.set()
            with pytest.raises(OutcomeUnknown):
                await task
    assert operation.commit is CommitState.UNKNOWN
    assert await world.value("SELECT count(*) FROM audits") == 1


async def test_a_cancellation_during_a_lost_commit_is_raised_and_the_outcome_stays_unknown(
    app: FastAPI, network: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled operation is not run again: shutdown and deadlines have ended it."""
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 1.0)
    network.trouble = Trouble.SWALLOW
    with running(Operation("test")) as operation:
        async with service_of(app).pools["main"].checkout() as checkout:
            task = asyncio.create_task(units.run(checkout, insert_audit, repeatable=True))
            await asyncio.wait_for(network.committing.wait(), 20)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert operation.commit is CommitState.UNKNOWN


async def test_a_re_run_that_finds_its_value_taken_is_an_unknown_outcome(
    app: FastAPI, network: Proxy, world: World
) -> None:
    """The lost COMMIT may have taken the value itself, as it has here."""
    network.trouble = Trouble.CUT_AFTER

    async def work(connection: Connection) -> None:
        await connection.execute("INSERT INTO users (username, username_key) VALUES ('ada', 'ada')")

    with running(Operation("test")) as operation:
        async with service_of(app).pools["main"].checkout() as checkout:
            with pytest.raises(OutcomeUnknown) as raised:
                await units.run(checkout, work, repeatable=True)
    assert isinstance(raised.value.__cause__, Taken)
    assert operation.commit is CommitState.UNKNOWN
    assert await world.value("SELECT count(*) FROM users") == 1


async def test_a_re_run_that_meets_a_defect_is_an_unknown_outcome(app: FastAPI, network: Proxy) -> None:
    """The first run may have been committed, even if the second one fails."""
    network.trouble = Trouble.CUT_AFTER
    states = iter(["SELECT 1", "SELECT 1 / 0"])

    async def work(connection: Connection) -> None:
        await connection.execute(next(states))

    async with service_of(app).pools["main"].checkout() as checkout:
        with pytest.raises(OutcomeUnknown) as raised:
            await units.run(checkout, work, repeatable=True)
    assert isinstance(raised.value.__cause__, Defect)


async def test_settle_also_waits_for_a_commit_that_is_sent_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Background work may send a COMMIT while settle waits for another one."""
    commits: set[asyncio.Task[bool]] = set()
    monkeypatch.setattr(units, "_commits_in_flight", commits)
    first, second = asyncio.Event(), asyncio.Event()

    def send(confirmed: asyncio.Event) -> asyncio.Task[bool]:
        task = asyncio.create_task(confirmed.wait())
        commits.add(task)
        task.add_done_callback(commits.discard)
        return task

    earlier = send(first)
    settling = asyncio.create_task(units.settle(60))
    await asyncio.sleep(0)
    later = send(second)
    first.set()
    await earlier
    await asyncio.wait({settling}, timeout=0.1)
    assert not settling.done()
    second.set()
    await asyncio.wait_for(settling, 20)
    assert later.done()
