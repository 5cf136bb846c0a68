"""Metrics of money: transfers and units of work, counted by outcome once they are committed."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.ledger import orders
from repositories.postgres import unit_of_work
from repositories.postgres.errors import DeadlineExceeded, RolledBack, Taken
from repositories.postgres.operation import Operation, running
from repositories.postgres.statements import Connection
from tests.harness.expect import found
from tests.harness.metrics import Scraper
from tests.harness.payments import order
from tests.harness.proxy import Proxy, Trouble, proxy
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """The network between the application and the main database."""
    async with proxy(served["main"]) as between:
        yield between


@pytest.fixture
def settings(settings: Settings, network: Proxy) -> Settings:
    return settings.model_copy(update={"main_database_url": network.conninfo})


class Purse:
    """Ada's two accounts: one has 100, the other has no minimum."""

    def __init__(self, client: httpx.AsyncClient, ada: Person, poor: int, rich: int) -> None:
        self.client = client
        self.ada = ada
        self.enough = order(rich, poor, 10)
        self.too_much = order(poor, rich, 5000)

    async def post(self, path: str, body: object, status: int, key: str | None = None) -> dict[str, int]:
        answer = await self.client.post(path, json=body, headers=self.ada.paying(key))
        value: dict[str, int] = found(answer, status)
        return value


@pytest.fixture
async def purse(client: httpx.AsyncClient, world: World) -> Purse:
    ada = await world.person("ada")
    poor, rich = await world.account(ada), await world.account(ada, minimum=None)
    await world.fund(poor, 100)
    return Purse(client, ada, poor, rich)


async def test_a_transfer_is_counted_once_by_its_outcome(purse: Purse, scraper: Scraper) -> None:
    """Made, or the code of the refusal; a repeat under its key counts nothing."""
    async with scraper.moves() as moved:
        for _ in range(3):
            await purse.post("/transfers", purse.enough, 201, "a")
            await purse.post("/transfers", purse.too_much, 422, "b")
        await purse.post("/transfers", purse.enough, 201)
    assert moved.transfers() == {"made": 2, "insufficient_funds": 1}


@pytest.mark.parametrize(
    ("atomic", "status", "expected"),
    [(True, 422, {"insufficient_funds": 1}), (False, 200, {"made": 2, "insufficient_funds": 1})],
)
async def test_each_transfer_of_a_batch_is_counted(
    purse: Purse, scraper: Scraper, atomic: bool, status: int, expected: dict[str, int]
) -> None:
    """A refused atomic batch counts its first refusal alone."""
    batch = {"atomic": atomic, "transfers": [purse.enough, purse.too_much, purse.enough]}
    async with scraper.moves() as moved:
        for _ in range(2):
            await purse.post("/transfers/batch", batch, status, "k")
    assert moved.transfers() == expected


async def test_a_reversal_is_a_transfer(purse: Purse, scraper: Scraper) -> None:
    """Made once, and refused after that."""
    paid = await purse.post("/transfers", purse.enough, 201)
    async with scraper.moves() as moved:
        await purse.post(f"/transfers/{paid['id']}/reversal", None, 201, "k")
        await purse.post(f"/transfers/{paid['id']}/reversal", None, 201, "k")
        await purse.post(f"/transfers/{paid['id']}/reversal", None, 409)
    assert moved.transfers() == {"made": 1, "already_reversed": 1}


async def test_a_capture_is_a_transfer_and_a_hold_is_none_yet(purse: Purse, scraper: Scraper) -> None:
    """A refused hold counts as a refused transfer."""
    async with scraper.moves() as moved:
        held = await purse.post("/holds", purse.enough | {"expires_in": 60}, 201)
        await purse.post("/holds", purse.too_much | {"expires_in": 60}, 422)
    assert moved.transfers() == {"insufficient_funds": 1}
    async with scraper.moves() as moved:
        await purse.post(f"/holds/{held['id']}/capture", {}, 200, "k")
        await purse.post(f"/holds/{held['id']}/capture", {}, 200, "k")
        await purse.post(f"/holds/{held['id']}/capture", {}, 409)
    assert moved.transfers() == {"made": 1, "hold_not_active": 1}


async def test_a_unit_is_counted_by_how_it_ended(app: FastAPI, scraper: Scraper) -> None:
    """Committed; or rolled back by an exception, a failed COMMIT, or a COMMIT answered with ROLLBACK."""

    async def write(connection: Connection) -> None:
        orders.count("made")
        await connection.execute("INSERT INTO audits (ok, checks) VALUES (TRUE, '[]')")

    async def fail(connection: Connection) -> None:
        await write(connection)
        raise DeadlineExceeded

    async def fail_late(connection: Connection) -> None:
        await write(connection)
        await connection.execute(
            "CREATE TEMP TABLE late (id bigint CONSTRAINT late_key UNIQUE DEFERRABLE INITIALLY DEFERRED)"
        )
        await connection.execute("INSERT INTO late (id) VALUES (1), (1)")

    async def fail_unseen(connection: Connection) -> None:
        await write(connection)
        with contextlib.suppress(psycopg.Error):
            await connection.execute("SELECT 1 / 0")

    async with service_of(app).pools["main"].checkout() as checkout:
        async with scraper.moves() as moved:
            with running(Operation("test")):
                await unit_of_work.run(checkout, write)
        assert [moved.units(outcome) for outcome in ("committed", "rolled_back")] == [1, 0]
        assert moved.transfers() == {"made": 1}
        for work, error in ((fail, DeadlineExceeded), (fail_late, Taken), (fail_unseen, RolledBack)):
            async with scraper.moves() as moved:
                with pytest.raises(error), running(Operation("test")):
                    await unit_of_work.run(checkout, work)
            assert [moved.units(outcome) for outcome in ("committed", "rolled_back")] == [0, 1], work
            assert moved.transfers() == {}, "what was rolled back was not made"


async def test_a_unit_that_is_run_again_is_counted_as_retried(app: FastAPI, scraper: Scraper) -> None:
    """Once for each further run; failed runs count as rolled back, and only the last run counts its transfers."""
    runs = 0

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        orders.count("made")
        if runs < 3:
            await connection.execute("DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")

    async with service_of(app).pools["main"].checkout() as checkout, scraper.moves() as moved:
        with running(Operation("test")):
            await unit_of_work.run(checkout, work)
    assert [moved.units(outcome) for outcome in ("committed", "rolled_back", "retried")] == [1, 2, 2]
    assert moved.transfers() == {"made": 1}


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_commit_that_was_not_confirmed_is_unknown(
    purse: Purse, scraper: Scraper, network: Proxy, trouble: Trouble
) -> None:
    """The unit runs again under its key; it does not count a transfer that the lost COMMIT had written."""
    async with scraper.moves() as moved:
        network.trouble = trouble
        await purse.post("/transfers", purse.enough, 201)
        assert network.committing.is_set()
    assert [moved.units(outcome) for outcome in ("unknown", "retried", "committed", "rolled_back")] == [1, 1, 1, 0]
    assert moved.transfers() == ({"made": 1} if trouble is Trouble.CUT_BEFORE else {})


async def test_without_a_key_an_unknown_unit_is_not_run_again(purse: Purse, scraper: Scraper, network: Proxy) -> None:
    """The request is answered 503 instead."""
    async with scraper.moves() as moved:
        network.trouble = Trouble.CUT_AFTER
        post = {"title": "t", "content": "c"}
        assert (await purse.client.post("/posts", json=post, headers=purse.ada.headers)).status_code == 503
    assert [moved.units(outcome) for outcome in ("unknown", "retried", "committed")] == [1, 0, 0]
    assert moved.by("folio_requests_total", method="POST", route="/posts", status="503") == 1
