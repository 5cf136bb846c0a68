"""A database away before, between and after the steps of a purchase: a true answer, and no step lost or done twice."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI

from api.process import background
from api.process.service import service_of
from api.process.settings import Settings
from repositories.ledger import purchases as ledger
from repositories.postgres import unit_of_work
from repositories.postgres.checkouts import CheckedOutConnection
from repositories.postgres.errors import DatabaseUnavailable, DeadlineExceeded
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository
from repositories.reservations import ReservationRepository
from repositories.sagas import purchases as sagas
from tests.harness.expect import contents, found, problem
from tests.harness.proxy import Trouble
from tests.harness.shop import FUNDS, PRICE, STOCK, Network, Shop


@pytest.fixture
def settings(networked: Settings) -> Settings:
    return networked


@pytest.fixture
def databases_of(app: FastAPI) -> Any:
    return service_of(app).pools


Cutting = Callable[[], Awaitable[None]]


@pytest.fixture
def after_the_hold(monkeypatch: pytest.MonkeyPatch) -> Callable[[Cutting], None]:
    """Run a function once, after the money of a purchase is held and before its next step."""

    def arrange(cut: Cutting) -> None:
        finish = sagas.Saga.finish

        async def later(self: sagas.Saga) -> None:
            monkeypatch.setattr(sagas.Saga, "finish", finish)
            await cut()
            await finish(self)

        monkeypatch.setattr(sagas.Saga, "finish", later)

    return arrange


async def test_with_the_catalog_away_before_the_hold_nothing_happens(
    shop: Shop, networks: dict[str, Network], databases_of: Any
) -> None:
    """503 database_unavailable; the same request under the same key buys once the catalog is back."""
    before = await contents(shop.world)
    await networks["catalog"].cut(databases_of["catalog"])
    problem(await shop.buy(key="k"), 503, "database_unavailable")
    assert await contents(shop.world) == before
    await networks["catalog"].restore(databases_of["catalog"])
    found(await shop.buy(key="k"), 201)
    assert await shop.clean()


async def test_with_main_away_nothing_happens(shop: Shop, networks: dict[str, Network], databases_of: Any) -> None:
    """503 database_unavailable; products can still be read, without a key."""
    await networks["main"].cut(databases_of["main"])
    problem(await shop.buy(key="k"), 503, "database_unavailable")
    assert found(await shop.client.get(f"/products/{shop.product}"))["stock"] == STOCK
    await networks["main"].restore(databases_of["main"])
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, [])
    found(await shop.buy(key="k"), 201)


async def test_with_the_catalog_away_after_the_hold_the_purchase_is_pending(
    shop: Shop, networks: dict[str, Network], databases_of: Any, after_the_hold: Callable[[Cutting], None]
) -> None:
    """202 with Location; the money is held, not spent; a repeat gets the same; a job completes the purchase, once."""
    after_the_hold(lambda: networks["catalog"].cut(databases_of["catalog"]))
    answer = await shop.buy(2, key="k")
    pending = found(answer, 202)
    assert (pending["status"], pending["transfer_id"]) == ("pending", None)
    assert answer.headers["Location"] == f"/purchases/{pending['id']}"
    assert await shop.money() == (FUNDS, 200, 0)
    problem(await shop.refund(pending), 409, "purchase_not_completed")
    again = await shop.buy(2, key="k")
    assert (again.status_code, again.json()) == (202, pending)
    await networks["catalog"].restore(databases_of["catalog"])
    assert await shop.finish_abandoned() == 1
    assert await shop.finish_abandoned() == 0
    assert (await shop.read(pending))["status"] == "completed"
    assert (await shop.money(), await shop.stock()) == ((FUNDS - 200, 0, 200), STOCK - 2)
    assert (await shop.buy(2, key="k")).status_code == 201
    assert await shop.clean()


async def test_with_the_catalog_away_after_the_decision_a_worker_tells_it(
    shop: Shop, networks: dict[str, Network], databases_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """202, completed and paid. A refund: 202, refunded, and the stock is given back once the catalog is."""
    decide = ledger.decide

    async def later(connection: Connection, **arguments: Any) -> Any:
        decided = await decide(connection, **arguments)
        await networks["catalog"].cut(databases_of["catalog"])
        return decided

    monkeypatch.setattr(ledger, "decide", later)
    paid = found(await shop.buy(), 202)
    assert paid["status"] == "completed"
    monkeypatch.setattr(ledger, "decide", decide)
    refunded = await shop.refund(paid, key="k")
    assert found(refunded, 202)["status"] == "refunded"
    assert (await shop.refund(paid, key="k")).status_code == 202
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK - 1, ["reserved"])
    await networks["catalog"].restore(databases_of["catalog"])
    assert await shop.finish_abandoned() == 1
    assert (await shop.refund(paid, key="k")).status_code == 201
    assert (await shop.stock(), await shop.reserved()) == (STOCK, ["confirmed"])
    assert await shop.clean()


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
@pytest.mark.parametrize(
    ("database", "passing"),
    [("main", 0), ("catalog", 0), ("main", 1), ("catalog", 1), ("main", 2)],
    ids=["hold", "reserve", "decide", "confirm", "finish"],
)
async def test_a_lost_commit_of_any_step_of_a_purchase_is_found_out(
    shop: Shop, networks: dict[str, Network], database: str, passing: int, trouble: Trouble
) -> None:
    """The step runs again and finds its own effect: one payment, one reservation, one answer."""
    networks[database].between.trouble, networks[database].between.passing = trouble, passing
    answer = await shop.buy()
    assert networks[database].between.committing.is_set()
    assert found(answer, 201)["status"] == "completed"
    assert "Idempotency-Replayed" not in answer.headers
    assert (await shop.money(), await shop.stock()) == ((FUNDS - PRICE, 0, PRICE), STOCK - 1)
    assert await shop.clean()


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
@pytest.mark.parametrize(
    ("database", "passing"),
    [("main", 0), ("catalog", 0), ("main", 1), ("main", 2)],
    ids=["refund", "return", "list", "returned"],
)
async def test_a_lost_commit_of_any_step_of_a_refund_is_found_out(
    shop: Shop, networks: dict[str, Network], database: str, passing: int, trouble: Trouble
) -> None:
    """Paid back once, given back once."""
    purchase = found(await shop.buy(), 201)
    networks[database].between.trouble, networks[database].between.passing = trouble, passing
    answer = await shop.refund(purchase)
    assert networks[database].between.committing.is_set()
    assert found(answer, 201)["status"] == "refunded"
    assert (await shop.money(), await shop.stock()) == ((FUNDS, 0, 0), STOCK)
    assert await shop.clean()


async def test_a_catalog_that_swallows_everything_does_not_keep_the_answer(
    shop: Shop,
    networks: dict[str, Network],
    after_the_hold: Callable[[Cutting], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """202 before the deadline, while the saga waits for a COMMIT that is never answered."""

    async def cut() -> None:
        networks["catalog"].between.trouble = Trouble.SWALLOW

    after_the_hold(cut)
    # Two seconds are left for the saga: the deadline of these tests is 60.
    monkeypatch.setattr(background, "ANSWER_MARGIN_SECONDS", 58)
    monkeypatch.setattr(unit_of_work, "COMMIT_TIMEOUT", 3.0)
    pending = found(await shop.buy(), 202)
    assert pending["status"] == "pending"
    assert await shop.money() == (FUNDS, PRICE, 0)
    await shop.catalog.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'idle in transaction'"
    )
    assert await shop.finish_abandoned() == 1
    assert (await shop.money(), await shop.stock()) == ((FUNDS - PRICE, 0, PRICE), STOCK - 1)
    assert await shop.clean()


async def test_a_saga_that_is_swallowed_gives_its_connection_back(
    shop: Shop, networks: dict[str, Network], databases_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network that swallows every packet triggers no timeout of the server: the saga has its own deadline."""
    async with databases_of["catalog"].checkout():
        pass  # a connection is there
    networks["catalog"].between.swallowing = True
    monkeypatch.setattr(sagas, "TIMEOUT", 1.0)
    async with databases_of["main"].checkout() as main:
        purchase = await PurchaseRepository(main.connection).insert(
            buyer_id=shop.bob.id,
            product_id=shop.product,
            quantity=1,
            unit_price=PRICE,
            account_id=shop.purse,
            payee_account_id=shop.till,
        )
    with pytest.raises(DeadlineExceeded):
        await sagas.Saga(databases_of, purchase).finish()
    assert len(databases_of["catalog"].checked_out) == 0
    networks["catalog"].between.swallowing = False
    monkeypatch.setattr(sagas, "TIMEOUT", 60.0)
    assert await shop.finish_abandoned() == 1
    assert await shop.clean()


async def test_a_purchase_that_cannot_be_finished_delays_no_other(
    shop: Shop, databases_of: Any, after_the_hold: Callable[[Cutting], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job leases both; the first fails and its error is raised, the second is finished."""
    reserve = ReservationRepository.reserve

    async def never(self: ReservationRepository, **purchase: Any) -> bool:
        if purchase["purchase_id"] in stuck:
            raise DatabaseUnavailable
        return await reserve(self, **purchase)

    stuck = {1, 2}
    monkeypatch.setattr(ReservationRepository, "reserve", never)
    pending = [found(await shop.buy(), 202) for _ in range(2)]
    stuck.remove(2)
    with pytest.raises(DatabaseUnavailable):
        await shop.finish_abandoned()
    assert [(await shop.read(purchase))["status"] for purchase in pending] == ["pending", "completed"]
    stuck.clear()
    assert await shop.finish_abandoned() == 1
    assert await shop.clean()


async def test_the_job_leases_one_purchase_at_a_time(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it finishes one, the others stay free for other processes, and no lease runs out in a queue."""
    await shop.world.connection.execute(
        "INSERT INTO purchases (buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id,"
        " leased_until) SELECT %s, %s, 1, 1, 1, %s, %s, '-infinity' FROM generate_series(1, 3)",
        (shop.bob.id, shop.product, shop.purse, shop.till),
    )
    await shop.world.connection.execute("UPDATE accounts SET held = 3 WHERE id = %s", (shop.purse,))
    finish, leased = sagas.Saga.finish, []

    async def look(self: sagas.Saga) -> None:
        leased.append(
            await shop.world.value("SELECT count(*) FROM purchases WHERE leased_until > now() AND NOT finished")
        )
        await finish(self)

    monkeypatch.setattr(sagas.Saga, "finish", look)
    assert await shop.finish_abandoned() == 3
    assert leased == [1, 1, 1]


async def test_a_product_with_a_claimed_key_is_inserted_once_the_catalog_is_back(
    shop: Shop, networks: dict[str, Network], databases_of: Any
) -> None:
    """503 under its key, then 201 under the same: one product."""
    body = {"name": "n", "price": 1, "currency": "EUR", "stock": 1, "account_id": shop.till}
    await networks["catalog"].cut(databases_of["catalog"])
    problem(await shop.client.post("/products", json=body, headers=shop.ada.paying("k")), 503, "database_unavailable")
    await networks["catalog"].restore(databases_of["catalog"])
    for _ in range(2):
        found(await shop.client.post("/products", json=body, headers=shop.ada.paying("k")), 201)
    assert len(found(await shop.client.get("/products"))["items"]) == 2


@pytest.mark.parametrize("trouble", [Trouble.CUT_BEFORE, Trouble.CUT_AFTER])
async def test_a_lost_commit_of_a_product_is_found_out_and_no_replay(
    shop: Shop, networks: dict[str, Network], trouble: Trouble
) -> None:
    """The insert runs again under its key and finds its own effect: one product, answered as new."""
    body = {"name": "n", "price": 1, "currency": "EUR", "stock": 1, "account_id": shop.till}
    networks["catalog"].between.trouble = trouble
    answer = await shop.client.post("/products", json=body, headers=shop.ada.paying("k"))
    assert networks["catalog"].between.committing.is_set()
    found(answer, 201)
    assert "Idempotency-Replayed" not in answer.headers
    assert len(found(await shop.client.get("/products"))["items"]) == 2


async def test_no_connection_is_held_while_the_other_database_is_waited_for(
    shop: Shop, databases_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds for a purchase, a refund, a round of the job, and each request for a product."""
    take = Pool.take
    checkouts: list[str] = []

    async def watching(self: Pool, seconds: float) -> CheckedOutConnection:
        [other] = [database for database in databases_of.values() if database is not self]
        assert len(other.checked_out) == 0, f"{self.name} is waited for with {other.name} in hand"
        checkouts.append(self.name)
        return await take(self, seconds)

    monkeypatch.setattr(Pool, "take", watching)
    purchase = found(await shop.buy(), 201)
    found(await shop.refund(purchase), 201)
    body = {"name": "n", "price": 1, "currency": "EUR", "stock": 1, "account_id": shop.till}
    path = (await shop.client.post("/products", json=body, headers=shop.ada.paying())).headers["Location"]
    changing = shop.ada.headers | {"If-Match": "*"}
    found(await shop.client.patch(path, json={"account_id": shop.till}, headers=changing))
    assert (await shop.client.delete(path, headers=changing)).status_code == 204
    assert (await shop.client.get(path, headers=shop.bob.headers)).status_code == 404
    assert await shop.finish_abandoned() == 0
    assert checkouts.count("catalog") >= 9
