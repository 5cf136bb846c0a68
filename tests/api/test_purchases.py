"""Purchases: paid once, taken from the stock once, decided once."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from repositories.reservations import ReservationRepository
from tests.harness.expect import contents, found, pages, problem
from tests.harness.shop import FUNDS, PRICE, STOCK, Shop
from tests.harness.world import Person


async def test_a_purchase_is_paid_and_taken_from_the_stock(shop: Shop) -> None:
    """Every member; both parties see it, a stranger does not; the transfer names it; a later price changes nothing."""
    answer = await shop.buy(2, price=PRICE)
    purchase = found(answer, 201)
    assert answer.headers["Location"] == f"/purchases/{purchase['id']}"
    assert purchase == {
        "id": purchase["id"],
        "buyer_id": shop.bob.id,
        "product_id": shop.product,
        "quantity": 2,
        "unit_price": PRICE,
        "amount": 2 * PRICE,
        "currency": "EUR",
        "account_id": shop.purse,
        "status": "completed",
        "reason": None,
        "transfer_id": purchase["transfer_id"],
        "refunded_amount": 0,
        "refunded_quantity": 0,
        "reference": None,
        "metadata": None,
        "created_at": purchase["created_at"],
    }
    assert await shop.money() == (FUNDS - 200, 0, 200)
    assert (await shop.stock(), await shop.reserved()) == (STOCK - 2, ["confirmed"])
    transfer = found(await shop.client.get(f"/transfers/{purchase['transfer_id']}", headers=shop.ada.headers))
    assert (transfer["amount"], transfer["description"]) == (200, f"Purchase {purchase['id']}")
    assert transfer["purchase_id"] == purchase["id"]
    change = await shop.client.patch(
        f"/products/{shop.product}", json={"price": 7}, headers=shop.ada.headers | {"If-Match": "*"}
    )
    assert change.status_code == 200
    eve = await shop.world.person("eve")
    path = answer.headers["Location"]
    for person in (shop.ada, shop.bob, shop.root):
        assert found(await shop.client.get(path, headers=person.headers)) == purchase
        assert await pages(shop.client, "/purchases?limit=1", person) == [purchase]
    problem(await shop.client.get(path, headers=eve.headers), 404, "purchase_not_found")
    assert await pages(shop.client, "/purchases", eve) == []
    assert await pages(shop.client, "/holds", shop.bob) == []
    assert await shop.clean()


async def test_purchases_are_listed_newest_first_on_both_sides(shop: Shop) -> None:
    """Page by page, each once, also if buyer and seller are one user."""
    purchases = [found(await shop.buy(), 201) for _ in range(3)]
    other = await shop.world.account(shop.ada)
    await shop.world.fund(other, PRICE)
    body = shop.wanted(account_id=other)
    purchases.append(found(await shop.client.post("/purchases", json=body, headers=shop.ada.paying()), 201))
    purchases.reverse()
    assert await pages(shop.client, "/purchases?limit=1", shop.ada) == purchases
    assert await pages(shop.client, "/purchases?limit=2", shop.bob) == purchases[1:]
    assert await pages(shop.client, "/purchases?limit=3", shop.root) == purchases


async def test_too_little_money_makes_no_purchase(shop: Shop) -> None:
    """422 insufficient_funds with the shortfall, and replayed; nothing is reserved, held or written."""
    await shop.world.connection.execute("UPDATE accounts SET minimum = 950 WHERE id = %s", (shop.purse,))
    first = await shop.buy(key="k")
    body = problem(first, 422, "insufficient_funds")
    assert (body["available"], body["shortfall"]) == (FUNDS, 50)
    again = await shop.buy(key="k")
    assert (again.content, again.headers["Idempotency-Replayed"]) == (first.content, "true")
    assert await pages(shop.client, "/purchases", shop.bob) == []
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, [])


async def test_too_little_stock_is_a_rejected_purchase(shop: Shop) -> None:
    """422 out_of_stock; the purchase is stored with its reason, the money is free again; a repeat gets the same."""
    first = await shop.buy(STOCK + 1, key="k")
    body = problem(first, 422, "out_of_stock")
    assert first.headers["Location"] == f"/purchases/{body['purchase_id']}"
    again = await shop.buy(STOCK + 1, key="k")
    problem(again, 422, "out_of_stock")
    assert again.json()["purchase_id"] == body["purchase_id"]
    assert again.headers["Idempotency-Replayed"] == "true"
    [stored] = await pages(shop.client, "/purchases", shop.bob)
    assert (stored["status"], stored["reason"], stored["transfer_id"]) == ("rejected", "out_of_stock", None)
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, ["refused"])
    assert await shop.clean()


async def test_a_product_archived_before_it_is_reserved_is_sold_out(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """422 out_of_stock if the product is archived after it was read and before it is reserved."""
    reserve = ReservationRepository.reserve

    async def later(self: ReservationRepository, **purchase: Any) -> bool:
        await shop.catalog.execute("UPDATE products SET archived_at = clock_timestamp()")
        return await reserve(self, **purchase)

    monkeypatch.setattr(ReservationRepository, "reserve", later)
    problem(await shop.buy(), 422, "out_of_stock")
    assert await shop.clean()


@pytest.mark.parametrize(
    ("account", "status", "code"),
    [
        ("till", "frozen", "account_unavailable"),
        ("till", "closed", "account_unavailable"),
        ("purse", "frozen", "account_frozen"),
    ],
)
async def test_an_account_that_is_frozen_or_closed_meanwhile_rejects_the_purchase(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, account: str, status: str, code: str
) -> None:
    """After the hold: rejected with that reason, no charge, the stock given back. Before it: refused, no purchase."""
    reserve = ReservationRepository.reserve

    async def later(self: ReservationRepository, **purchase: Any) -> bool:
        await shop.world.connection.execute(
            f"UPDATE accounts SET status = '{status}' WHERE id = %s", (getattr(shop, account),)
        )
        return await reserve(self, **purchase)

    monkeypatch.setattr(ReservationRepository, "reserve", later)
    rejected = problem(await shop.buy(), 409, code)
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, ["released"])
    assert (await shop.read({"id": rejected["purchase_id"]}))["reason"] == code
    assert "purchase_id" not in problem(await shop.buy(), 409, code)
    assert len(await pages(shop.client, "/purchases", shop.bob)) == 1
    assert await shop.clean()


async def test_an_account_that_left_the_seller_is_paid_nothing(shop: Shop) -> None:
    """Once an operator gave the payee account to another user, the product needs a new account to be bought."""
    eve = await shop.world.person("eve")
    change = {"owner_id": eve.id}
    found(await shop.client.patch(f"/accounts/{shop.till}", json=change, headers=shop.root.headers))
    problem(await shop.buy(), 409, "seller_changed")
    assert await pages(shop.client, "/purchases", shop.bob) == []
    other = {"account_id": await shop.world.account(shop.ada)}
    path = f"/products/{shop.product}"
    found(await shop.client.patch(path, json=other, headers=shop.ada.headers | {"If-Match": "*"}))
    found(await shop.buy(), 201)


async def test_another_price_than_expected_is_refused(shop: Shop) -> None:
    """409 price_changed, stored with its key: a purchase at the later price needs a new key."""
    problem(await shop.buy(key="k", price=PRICE - 1), 409, "price_changed")
    await shop.catalog.execute("UPDATE products SET price = price - 1")
    assert (await shop.buy(key="k", price=PRICE - 1)).json()["code"] == "price_changed"
    found(await shop.buy(price=PRICE - 1), 201)
    assert await shop.money() == (FUNDS - PRICE + 1, 0, PRICE - 1)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"product_id": 999}, 404, "product_not_found"),
        ({"account_id": 999}, 404, "account_not_found"),
        ({"account_id": "till"}, 404, "account_not_found"),
        ({"account_id": "dollars"}, 422, "currency_mismatch"),
        ({"quantity": 0}, 422, "validation_error"),
        ({"quantity": 2**53 - 1}, 422, "validation_error"),
        ({"quantity": True}, 422, "validation_error"),
        ({"price": 0}, 422, "validation_error"),
        ({"status": "completed"}, 422, "validation_error"),
    ],
)
async def test_bad_input_buys_nothing(shop: Shop, change: dict[str, object], status: int, code: str) -> None:
    """A precise problem, both databases as before."""
    named = {"till": shop.till, "dollars": await shop.world.account(shop.bob, currency="USD")}
    before = await contents(shop.world)
    body = shop.wanted() | {name: named.get(str(value), value) for name, value in change.items()}
    problem(await shop.client.post("/purchases", json=body, headers=shop.bob.paying()), status, code)
    after = await contents(shop.world)
    stored = after.pop("idempotency_keys"), before.pop("idempotency_keys")
    assert after == before
    assert len(stored[0]) == len(stored[1]) + (code == "currency_mismatch")
    assert (await shop.stock(), await shop.reserved()) == (STOCK, [])


async def test_a_purchase_needs_a_key(shop: Shop) -> None:
    """400 idempotency_key_missing, for a purchase and for a refund."""
    answer = await shop.client.post("/purchases", json=shop.wanted(), headers=shop.bob.headers)
    problem(answer, 400, "idempotency_key_missing")
    purchase = found(await shop.buy(), 201)
    answer = await shop.client.post(f"/purchases/{purchase['id']}/refund", headers=shop.ada.headers)
    problem(answer, 400, "idempotency_key_missing")


async def test_a_product_and_its_payer_may_not_be_one_account(shop: Shop) -> None:
    """422 same_account."""
    await shop.world.fund(shop.till, PRICE)
    body = shop.wanted(account_id=shop.till)
    problem(await shop.client.post("/purchases", json=body, headers=shop.ada.paying()), 422, "same_account")


async def test_of_20_purchases_of_5_units_5_are_completed(shop: Shop) -> None:
    """No more units are sold than are in stock, and a rejected purchase costs nothing."""
    received = await asyncio.gather(*(shop.buy(price=10, key=f"k{number}") for number in range(4)))
    assert {answer.json()["code"] for answer in received} == {"price_changed"}
    await shop.catalog.execute("UPDATE products SET price = 10")
    received = await asyncio.gather(*(shop.buy() for _ in range(20)))
    while any(answer.status_code in {202, 503} for answer in received):
        await shop.finish_abandoned()
        received = [answer for answer in received if answer.status_code not in {202, 503}]
    purchases = await pages(shop.client, "/purchases", shop.bob)
    statuses = Counter(purchase["status"] for purchase in purchases)
    assert statuses["completed"] == STOCK
    assert statuses.keys() == {"completed", "rejected"}
    assert (await shop.money(), await shop.stock()) == ((FUNDS - 50, 0, 50), 0)
    assert await shop.clean()


async def test_20_identical_at_once_are_one_purchase(shop: Shop) -> None:
    """Each answer shows the state of the one purchase under the key."""
    received = await asyncio.gather(*(shop.buy(key="k") for _ in range(20)))
    assert {answer.status_code for answer in received} <= {201, 202}, [answer.text for answer in received]
    assert len({answer.json()["id"] for answer in received}) == 1
    problem(await shop.buy(2, key="k"), 422, "idempotency_key_reused")
    assert (await shop.buy(key="k")).status_code == 201
    assert (await shop.money(), await shop.stock()) == ((FUNDS - PRICE, 0, PRICE), STOCK - 1)
    assert await shop.clean()


async def test_a_refund_pays_back_and_gives_back_once(shop: Shop) -> None:
    """By the seller, not by the buyer; a repeat under its key is replayed, another key gets already_refunded."""
    purchase = found(await shop.buy(2, key="buy"), 201)
    eve = await shop.world.person("eve")
    problem(await shop.refund(purchase, eve), 404, "purchase_not_found")
    problem(await shop.refund(purchase, shop.bob), 403, "not_owner")
    answer = await shop.refund(purchase, key="k")
    refunded = purchase | {"status": "refunded", "refunded_amount": 2 * PRICE, "refunded_quantity": 2}
    assert found(answer, 201) == refunded
    again = await shop.refund(purchase, key="k")
    assert (again.status_code, again.content) == (201, answer.content)
    assert again.headers["Idempotency-Replayed"] == "true"
    problem(await shop.refund(purchase), 409, "already_refunded")
    assert (await shop.money(), await shop.stock(), await shop.reserved()) == ((FUNDS, 0, 0), STOCK, ["confirmed"])
    assert found(await shop.buy(2, key="buy"), 201) == refunded, "a purchase, as it is now"
    assert await shop.clean()


async def test_an_operator_refunds_too_but_no_money_that_is_spent(shop: Shop) -> None:
    """Refused if the seller has spent the money, and if the purchase was never completed."""
    purchase = found(await shop.buy(), 201)
    rejected = problem(await shop.buy(STOCK + 1), 422, "out_of_stock")["purchase_id"]
    problem(await shop.refund({"id": rejected}), 409, "purchase_not_completed")
    out = {"from_account_id": shop.till, "to_account_id": shop.purse, "amount": PRICE}
    found(await shop.client.post("/transfers", json=out, headers=shop.ada.paying()), 201)
    assert problem(await shop.refund(purchase, key="k"), 422, "insufficient_funds")["shortfall"] == PRICE
    await shop.world.fund(shop.till, PRICE)
    assert (await shop.refund(purchase, key="k")).json()["code"] == "insufficient_funds"
    assert found(await shop.refund(purchase, shop.root), 201)["status"] == "refunded"
    assert await shop.clean()


async def test_the_payment_of_a_purchase_is_refunded_and_not_reversed(shop: Shop) -> None:
    """A reversal would pay back without giving the stock back; a refund is not reversed either."""
    purchase = found(await shop.buy(), 201)
    path = f"/transfers/{purchase['transfer_id']}/reversal"
    problem(await shop.client.post(path, headers=shop.ada.paying()), 409, "pays_purchase")
    found(await shop.refund(purchase), 201)
    problem(await shop.client.post(path, headers=shop.ada.paying()), 409, "already_reversed")
    refund = await shop.world.value("SELECT id FROM transfers WHERE reverses_id = %s", purchase["transfer_id"])
    for who in (shop.bob, shop.root):
        answer = await shop.client.post(f"/transfers/{refund}/reversal", headers=who.paying())
        problem(answer, 409, "pays_purchase")


async def test_10_refunds_at_once_are_one(shop: Shop) -> None:
    """One refund is made; the other nine get already_refunded."""
    purchase = found(await shop.buy(), 201)
    received = await asyncio.gather(*(shop.refund(purchase) for _ in range(10)))
    assert Counter(answer.status_code for answer in received) == {201: 1, 409: 9}
    assert (await shop.money(), await shop.stock()) == ((FUNDS, 0, 0), STOCK)


async def test_no_party_of_an_unfinished_purchase_may_leave(
    shop: Shop, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409 purchases_pending for buyer and seller while the purchase is unfinished, and not afterwards."""

    async def leave(person: Person) -> httpx.Response:
        return await shop.client.delete("/users/me", headers=person.headers | {"If-Match": "*"})

    reserve = ReservationRepository.reserve

    async def meanwhile(self: ReservationRepository, **purchase: Any) -> bool:
        for person in (shop.ada, shop.bob):
            problem(await leave(person), 409, "purchases_pending")
        return await reserve(self, **purchase)

    monkeypatch.setattr(ReservationRepository, "reserve", meanwhile)
    found(await shop.buy(), 201)
    problem(await leave(shop.ada), 409, "balance_not_zero")


async def test_the_metrics_show_unfinished_purchases(shop: Shop) -> None:
    """For operators, in the text format of Prometheus: their number by state, and the age of the oldest."""
    purchase = found(await shop.buy(), 201)
    await shop.world.connection.execute(
        "UPDATE purchases SET finished = FALSE, decided_at = decided_at - interval '90 seconds'"
    )
    answer = await shop.client.get("/metrics", headers=shop.root.headers)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(values['folio_purchases_unfinished{state="pending"}']) == 0
    assert float(values['folio_purchases_unfinished{state="unconfirmed"}']) == 1
    assert 90 <= float(values["folio_purchases_unfinished_oldest_seconds"]) < 1000
    assert await shop.finish_abandoned() == 1
    assert (await shop.read(purchase))["status"] == "completed"
    answer = await shop.client.get("/metrics", headers=shop.root.headers)
    assert "folio_purchases_unfinished_oldest_seconds 0.0" in answer.text
    problem(await shop.client.get("/metrics", headers=shop.ada.headers), 403, "operator_required")
