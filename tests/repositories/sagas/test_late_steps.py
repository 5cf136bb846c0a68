"""A late step never undoes a decision, and any number of processes finish each purchase once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from api.process.service import service_of
from repositories import products
from repositories.postgres import unit_of_work
from repositories.postgres.statements import Connection
from repositories.purchases import Purchase, PurchaseRepository
from repositories.reservations import Reservation, ReservationRepository
from repositories.sagas.purchases import Saga
from tests.harness.expect import found
from tests.harness.shop import FUNDS, PRICE, STOCK, Shop
from tests.harness.variants import without


@dataclass
class Begun:
    """A purchase whose money is held by a request that has been stuck since."""

    shop: Shop
    purchase: Purchase

    async def catalog(self, step: Callable[[ReservationRepository], Awaitable[Any]]) -> Any:
        """Take a step in a unit of work, as a saga does."""

        async def work(connection: Connection) -> Any:
            return await step(ReservationRepository(connection))

        async with service_of(self.shop.app).pools["catalog"].checkout() as checkout:
            return await unit_of_work.run(checkout, work)

    async def reserve(self) -> Any:
        item = {"product_id": self.purchase.product_id, "quantity": self.purchase.quantity}
        return await self.catalog(lambda repository: repository.reserve(purchase_id=self.purchase.id, **item))

    async def release(self) -> None:
        item = {"product_id": self.purchase.product_id, "quantity": self.purchase.quantity}
        await self.catalog(lambda repository: repository.release(purchase_id=self.purchase.id, **item))

    async def confirm(self) -> None:
        item = {"product_id": self.purchase.product_id, "quantity": self.purchase.quantity}
        await self.catalog(lambda repository: repository.confirm(purchase_id=self.purchase.id, **item))


@pytest.fixture
async def begun(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Begun:
    finish = Saga.finish

    async def stuck(_: Saga) -> None:
        monkeypatch.setattr(Saga, "finish", finish)

    monkeypatch.setattr(Saga, "finish", stuck)
    pending = found(await shop.buy(2), 202)
    async with service_of(shop.app).pools["main"].checkout() as main:
        purchase = await PurchaseRepository(main.connection).get(id=pending["id"])
    assert purchase is not None
    return Begun(shop, purchase)


async def test_a_reservation_that_comes_after_the_release_reserves_nothing(begun: Begun) -> None:
    """The late reservation finds the tombstone of the release."""
    await begun.release()
    assert not await begun.reserve()
    assert (await begun.shop.stock(), await begun.shop.reserved()) == (STOCK, ["released"])
    await begun.confirm()
    assert await begun.shop.reserved() == ["released"]


async def test_without_a_tombstone_stock_is_lost(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the stock would be lost."""
    insert = ReservationRepository._insert

    async def forgetful(self: ReservationRepository, *arguments: Any) -> None:
        if arguments[-1] != "released":
            await insert(self, *arguments)

    monkeypatch.setattr(ReservationRepository, "_insert", forgetful)
    with pytest.raises(AssertionError):
        await test_a_reservation_that_comes_after_the_release_reserves_nothing(begun)


async def test_each_step_may_be_run_again(begun: Begun) -> None:
    """Stock is reserved, confirmed and released once, however often the steps run after the decision."""
    for _ in range(2):
        assert await begun.reserve()
        assert await begun.shop.stock() == STOCK - 2
    for _ in range(2):
        await begun.confirm()
        assert await begun.reserve()
        assert (await begun.shop.stock(), await begun.shop.reserved()) == (STOCK - 2, ["confirmed"])
    for _ in range(2):
        await begun.release()
        await begun.confirm()
        assert not await begun.reserve()
        assert (await begun.shop.stock(), await begun.shop.reserved()) == (STOCK, ["released"])


async def test_steps_of_one_purchase_that_race_end_alike(begun: Begun) -> None:
    """A reservation and a release at once leave the stock whole, in either order."""
    await asyncio.gather(*(step() for step in [begun.reserve, begun.release] * 5))
    assert (await begun.shop.stock(), await begun.shop.reserved()) == (STOCK, ["released"])


async def test_a_request_that_was_stuck_finds_the_purchase_decided(begun: Begun) -> None:
    """After a job finished the purchase and the seller refunded it, the late request changes nothing."""
    shop = begun.shop
    assert await shop.finish_abandoned() == 1
    assert await shop.money() == (FUNDS - 2 * PRICE, 0, 2 * PRICE)
    for _ in range(2):
        late = Saga(service_of(shop.app).pools, begun.purchase)
        await late.finish()
        assert late.purchase.status == "completed"
    found(await shop.refund({"id": begun.purchase.id}), 201)
    for stale in (begun.purchase, replace(late.purchase, finished=False)):
        await Saga(service_of(shop.app).pools, stale).finish()
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, ["confirmed"])
    assert await shop.clean()


async def test_10_sagas_of_one_purchase_at_once_finish_it_once(begun: Begun) -> None:
    """One payment, one reservation."""
    shop = begun.shop
    await asyncio.gather(*(Saga(service_of(shop.app).pools, begun.purchase).finish() for _ in range(10)))
    assert (await shop.money(), await shop.stock()) == ((FUNDS - 200, 0, 200), STOCK - 2)
    assert await shop.world.value("SELECT count(*) FROM transfers WHERE description = 'Purchase 1'") == 1
    assert await shop.clean()


async def test_a_leased_purchase_is_left_alone(begun: Begun) -> None:
    """A purchase is leased again only after its lease; of four jobs at once, one leases it."""
    shop = begun.shop

    async def lease(limit: int) -> list[int]:
        async with service_of(shop.app).pools["main"].checkout() as main:
            return [leased.id for leased in await PurchaseRepository(main.connection).lease(limit=limit)]

    assert await lease(10) == []
    found(await shop.buy(), 201)
    await shop.world.connection.execute(
        "UPDATE purchases SET leased_until = '-infinity', finished = status <> 'pending'"
    )
    assert sorted(map(len, await asyncio.gather(*(lease(10) for _ in range(4))))) == [0, 0, 0, 1]


async def test_a_job_skips_locked_purchases(begun: Begun) -> None:
    """Of two purchases, one of them locked, the job leases the other without waiting."""
    shop = begun.shop
    found(await shop.buy(), 201)
    await shop.world.connection.execute("UPDATE purchases SET leased_until = '-infinity'")
    await shop.world.connection.execute("UPDATE purchases SET finished = FALSE WHERE id = 2")
    async with shop.world.connection.transaction():
        await shop.world.connection.execute("SELECT FROM purchases WHERE id = 1 FOR NO KEY UPDATE")
        async with service_of(shop.app).pools["main"].checkout() as main:
            leased = await PurchaseRepository(main.connection).lease(limit=10)
    assert [purchase.id for purchase in leased] == [2]


async def test_a_reservation_of_another_purchase_is_not_taken(begun: Begun) -> None:
    """After a restore of main alone an id may come again: the purchase is rejected, the older reservation stays."""
    shop = begun.shop
    assert await begun.reserve()
    await shop.catalog.execute("UPDATE reservations SET quantity = 1, status = 'confirmed'")
    assert await shop.finish_abandoned() == 1
    assert (await shop.read({"id": begun.purchase.id}))["status"] == "rejected"
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK - 2, ["confirmed"])
    assert not await shop.clean(), "the audit reports it"


async def test_without_the_comparison_a_purchase_takes_no_stock(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative control: the buyer would pay, and the stock of another purchase would count for this one."""
    monkeypatch.setattr(Reservation, "takes", lambda *_: True)
    with pytest.raises(AssertionError):
        await test_a_reservation_of_another_purchase_is_not_taken(begun)


@pytest.mark.parametrize(("stock", "left"), [(STOCK, STOCK - 2), (1, 0)])
async def test_a_lost_reservation_is_written_again(begun: Begun, stock: int, left: int) -> None:
    """After a restore of the catalog alone a paid purchase takes its stock; the seller supplied what it lacks."""
    shop = begun.shop
    assert await shop.finish_abandoned() == 1
    await shop.catalog.execute("DELETE FROM reservations")
    await shop.catalog.execute("UPDATE products SET stock = %s, supplied = %s", (stock, stock))
    await shop.world.connection.execute("UPDATE purchases SET finished = FALSE")
    assert await shop.finish_abandoned() == 1
    assert (await shop.stock(), await shop.reserved()) == (left, ["confirmed"])
    assert await shop.clean()


async def test_without_the_lock_of_the_product_more_is_sold_than_there_is(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: two purchases see the last unit; only the constraint of the database refuses one."""
    await shop.catalog.execute("UPDATE products SET stock = 1")
    get, both = ReservationRepository._get, asyncio.Barrier(2)

    async def meet(self: ReservationRepository, purchase_id: int) -> Any:
        async with asyncio.timeout(60):
            await both.wait()
        return await get(self, purchase_id)

    without(monkeypatch, products.LOCK, "FOR NO KEY UPDATE")
    monkeypatch.setattr(ReservationRepository, "_get", meet)
    answers = await asyncio.gather(shop.buy(), shop.buy())
    with pytest.raises(AssertionError):
        assert sorted(answer.status_code for answer in answers) == [201, 422]
