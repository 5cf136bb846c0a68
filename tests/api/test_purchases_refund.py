"""Refunds in parts: money and stock go back, never more than was bought."""

import asyncio
from collections import Counter

import pytest

from repositories.reservations import ReservationRepository
from repositories.transfers import TransferRepository
from tests.harness.expect import contents, found, pages, problem
from tests.harness.shop import FUNDS, PRICE, STOCK, Shop


async def test_a_quantity_goes_back_to_stock_and_an_amount_does_not(shop: Shop) -> None:
    """Completed until all is paid back; without a part, the rest of the money and of the quantity."""
    purchase = found(await shop.buy(4), 201)
    part = found(await shop.refund(purchase, quantity=1), 201)
    assert part == purchase | {"refunded_amount": PRICE, "refunded_quantity": 1}
    assert (await shop.money(), await shop.stock()) == ((FUNDS - 3 * PRICE, 0, 3 * PRICE), STOCK - 3)
    part = found(await shop.refund(purchase, amount=30), 201)
    assert part == purchase | {"refunded_amount": PRICE + 30, "refunded_quantity": 1}
    assert (await shop.money(), await shop.stock()) == ((FUNDS - 270, 0, 270), STOCK - 3)
    refusal = problem(await shop.refund(purchase, quantity=3), 422, "exceeds_reversible")
    assert (refusal["reversible"], refusal["reversible_quantity"]) == (270, 3)
    problem(await shop.refund(purchase, amount=271), 422, "exceeds_reversible")
    rest = found(await shop.refund(purchase), 201)
    assert rest == purchase | {"status": "refunded", "refunded_amount": 4 * PRICE, "refunded_quantity": 4}
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, ["confirmed"])
    problem(await shop.refund(purchase, amount=1), 409, "already_refunded")
    transfers = await pages(shop.client, "/transfers", shop.bob)
    assert [(item["amount"], item["purchase_id"]) for item in transfers[:4]] == [
        (270, purchase["id"]),
        (30, purchase["id"]),
        (PRICE, purchase["id"]),
        (4 * PRICE, purchase["id"]),
    ]
    assert transfers[3]["reversed_amount"] == 4 * PRICE
    assert await shop.clean()


async def test_a_quantity_may_be_returned_whose_money_is_back(shop: Shop) -> None:
    """All the money without stock: refunded, and the stock stays sold."""
    purchase = found(await shop.buy(2), 201)
    refunded = found(await shop.refund(purchase, amount=2 * PRICE), 201)
    assert (refunded["status"], refunded["refunded_quantity"]) == ("refunded", 0)
    assert (await shop.money(), await shop.stock()) == ((FUNDS, 0, 0), STOCK - 2)
    assert await shop.clean()


async def test_malformed_parts_change_nothing(shop: Shop) -> None:
    """Both members, zero, fractions, unknown members: 422."""
    purchase = found(await shop.buy(2), 201)
    before = await contents(shop.world)
    path = f"/purchases/{purchase['id']}/refund"
    for body in ({"quantity": 1, "amount": 1}, {"quantity": 0}, {"amount": 0}, {"amount": 1.0}, {"price": 1}):
        answer = await shop.client.post(path, json=body, headers=shop.ada.paying())
        [error] = problem(answer, 422, "validation_error")["errors"]
        assert error["loc"][0] == "body", error
    assert await contents(shop.world) == before


async def test_two_refunds_of_60_of_100_at_once_are_one(shop: Shop) -> None:
    """One is made; the other is refused as exceeds_reversible."""
    purchase = found(await shop.buy(), 201)
    received = await asyncio.gather(*(shop.refund(purchase, amount=60) for _ in range(2)))
    assert Counter(answer.status_code for answer in received) == {201: 1, 422: 1}
    assert {answer.json()["code"] for answer in received if answer.status_code == 422} == {"exceeds_reversible"}
    assert await shop.money() == (FUNDS - 40, 0, 40)
    assert await shop.clean()


async def test_a_repeat_without_a_body_is_the_same_as_with_an_empty_one(shop: Shop) -> None:
    """A repeat is replayed, and shows the purchase as it is by then."""
    purchase = found(await shop.buy(), 201)
    path = f"/purchases/{purchase['id']}/refund"
    first = await shop.client.post(path, headers=shop.ada.paying("k"))
    again = await shop.client.post(path, json={}, headers=shop.ada.paying("k"))
    assert (again.headers["Idempotency-Replayed"], again.text) == ("true", first.text)
    other = await shop.client.post(path, json={"quantity": 1}, headers=shop.ada.paying("k"))
    problem(other, 422, "idempotency_key_reused")


async def test_without_the_sum_under_the_locks_the_database_refuses(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a reversal that reads no sum gets no 422, and still pays back no more than was paid."""
    await shop.world.fund(shop.till, PRICE)
    body = {"from_account_id": shop.purse, "to_account_id": shop.till, "amount": 100}
    paid = found(await shop.client.post("/transfers", json=body, headers=shop.bob.paying()), 201)

    async def nothing(_: TransferRepository, *, id: int) -> int:
        return 0

    monkeypatch.setattr(TransferRepository, "sum_reversed", nothing)
    path = f"/transfers/{paid['id']}/reversal"
    found(await shop.client.post(path, json={"amount": 60}, headers=shop.ada.paying()), 201)
    problem(await shop.client.post(path, json={"amount": 60}, headers=shop.ada.paying()), 500, "internal_error")
    assert await shop.money() == (FUNDS - 40, 0, PRICE + 40)


async def test_a_return_that_runs_twice_returns_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog knows each refund by its id."""
    give_back = ReservationRepository.give_back

    async def twice(self: ReservationRepository, **arguments: int) -> None:
        for _ in range(2):
            await give_back(self, **arguments)

    monkeypatch.setattr(ReservationRepository, "give_back", twice)
    purchase = found(await shop.buy(2), 201)
    for _ in range(2):
        found(await shop.refund(purchase, quantity=1), 201)
    assert await shop.stock() == STOCK
    assert await shop.clean()
