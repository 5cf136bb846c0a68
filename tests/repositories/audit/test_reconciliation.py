"""The two databases compared: what contradicts is reported, what is under way is said to be."""

import pytest

from repositories.audit import reconciliation
from tests.harness.expect import found, problem
from tests.harness.shop import STOCK, Shop

BREAKS = {
    "DELETE FROM reservations WHERE purchase_id = 1": (1, "completed", None),
    "UPDATE reservations SET status = 'released' WHERE purchase_id = 1": (1, "completed", "released"),
    "UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1": (1, "completed", "reserved"),
    "UPDATE reservations SET status = 'reserved' WHERE purchase_id = 2": (2, "rejected", "reserved"),
    "UPDATE reservations SET status = 'confirmed' WHERE purchase_id = 3": (3, "refunded", "confirmed"),
    "UPDATE reservations SET quantity = 2 WHERE purchase_id = 1": (1, "completed", "confirmed"),
    "UPDATE reservations SET product_id = 2 WHERE purchase_id = 1": (1, "completed", "confirmed"),
    "INSERT INTO reservations VALUES (99, 1, 1, 'confirmed')": (99, None, "confirmed"),
}
"""What breaks the catalog, and the row that tells: the purchase, and what either side says of it."""


@pytest.fixture
async def busy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A sale, a rejection and a refund, read a page of one at a time."""
    monkeypatch.setattr(reconciliation, "PAGE", 1)
    found(await shop.buy(), 201)
    problem(await shop.buy(STOCK), 422, "out_of_stock")
    found(await shop.refund(found(await shop.buy(), 201)), 201)
    await shop.catalog.execute(
        "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
        " VALUES (1, 1, 'n', 'd', 1, 'EUR', 1)"
    )
    assert await shop.clean()
    return shop


@pytest.mark.parametrize("breaking", BREAKS)
async def test_each_contradiction_is_found_with_the_purchase_it_is_about(busy: Shop, breaking: str) -> None:
    """One row, with what either side says; the audit is not ok."""
    await busy.catalog.execute(breaking)
    audit = await busy.audit()
    assert not audit["ok"]
    assert audit["checks"][0]["name"] == "both/purchases"
    [row] = audit["checks"][0]["rows"]
    assert (row["purchase_id"], row["purchase"], row["reservation"]) == BREAKS[breaking]
    assert [check["name"] for check in audit["checks"] if check["rows"]] == ["both/purchases"]
    assert all(check.keys() == {"name", "rows"} for check in audit["checks"][1:])


async def test_what_is_under_way_is_no_contradiction_and_is_named(busy: Shop) -> None:
    """Pending, or decided and not yet told: in flight. Decided within the last minute: neither."""
    await busy.world.connection.execute("UPDATE purchases SET finished = FALSE WHERE id = 1")
    await busy.catalog.execute("UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1")
    check = (await busy.audit())["checks"][0]
    assert (check["rows"], check["in_flight"]) == ([], [{"purchase_id": 1, "status": "completed"}])
    assert await busy.finish_abandoned() == 1
    assert await busy.clean()
    await busy.catalog.execute("UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1")
    await busy.world.connection.execute("UPDATE purchases SET decided_at = clock_timestamp() WHERE id = 1")
    check = found(await busy.client.post("/ops/audit", headers=busy.root.headers))["checks"][0]
    assert (check["rows"], check["in_flight"]) == ([], [])


async def test_a_difference_is_read_again_before_it_is_reported(busy: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was mended, or refunded, between the two readings is no break."""
    await busy.catalog.execute("UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1")
    contradicts = reconciliation._contradicts
    seen = []

    def first_look(*given: object) -> bool:
        seen.append(contradicts(*given))  # type: ignore[arg-type]
        return seen[-1]

    again = reconciliation._again

    async def mended(*given: object) -> object:
        await busy.catalog.execute("UPDATE reservations SET status = 'confirmed' WHERE purchase_id = 1")
        return await again(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(reconciliation, "_contradicts", first_look)
    monkeypatch.setattr(reconciliation, "_again", mended)
    assert await busy.clean()
    assert True in seen
