"""Reconciliation: contradictions between the two databases are reported, purchases in flight are listed."""

import pytest

from repositories.audit import reconciliation
from tests.harness.expect import found, problem
from tests.harness.shop import STOCK, Shop

BREAKS = {
    "DELETE FROM reservations WHERE purchase_id = 1": (1, "completed", None),
    "UPDATE reservations SET status = 'released' WHERE purchase_id = 1": (1, "completed", "released"),
    "UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1": (1, "completed", "reserved"),
    "UPDATE reservations SET status = 'reserved' WHERE purchase_id = 2": (2, "rejected", "reserved"),
    "UPDATE reservations SET status = 'reserved' WHERE purchase_id = 3": (3, "refunded", "reserved"),
    "UPDATE returns SET purchase_id = 1": (1, "completed", "confirmed"),
    "DELETE FROM returns": (3, "refunded", "confirmed"),
    "UPDATE reservations SET quantity = 2 WHERE purchase_id = 1": (1, "completed", "confirmed"),
    "UPDATE reservations SET product_id = 2 WHERE purchase_id = 1": (1, "completed", "confirmed"),
    "INSERT INTO reservations VALUES (99, 1, 1, 'confirmed')": (99, None, "confirmed"),
}
"""Statements that break the catalog, and the row reported: purchase id, purchase status, reservation status."""


@pytest.fixture
async def busy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop with a sale, a rejection and a refund, compared in pages of one."""
    monkeypatch.setattr(reconciliation, "PAGE_SIZE", 1)
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
async def test_each_contradiction_is_reported_with_its_purchase(busy: Shop, breaking: str) -> None:
    """One row has the status of either side; the audit is not ok."""
    await busy.catalog.execute(breaking)
    audit = await busy.audit()
    assert not audit["ok"]
    assert audit["checks"][0]["name"] == "both/purchases"
    row = audit["checks"][0]["rows"][0]
    assert (row["purchase_id"], row["purchase"], row["reservation"]) == BREAKS[breaking]
    # A status or quantity that changed behind Folio's back contradicts the stock, too.
    assert {check["name"] for check in audit["checks"] if check["rows"]} <= {"both/purchases", "catalog/stock"}
    assert all(check.keys() == {"name", "rows"} for check in audit["checks"][1:])


async def test_a_purchase_in_flight_is_listed_and_is_no_contradiction(busy: Shop) -> None:
    """An unfinished purchase is in flight; one that was decided within the last minute is not reported at all."""
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
    """A difference that is gone at the second reading is not reported."""
    await busy.catalog.execute("UPDATE reservations SET status = 'reserved' WHERE purchase_id = 1")
    contradicts = reconciliation._contradicts
    results = []

    def record(*arguments: object) -> bool:
        results.append(contradicts(*arguments))  # type: ignore[arg-type]
        return results[-1]

    compare_again = reconciliation._compare_again

    async def fix_and_compare_again(*arguments: object) -> object:
        await busy.catalog.execute("UPDATE reservations SET status = 'confirmed' WHERE purchase_id = 1")
        return await compare_again(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reconciliation, "_contradicts", record)
    monkeypatch.setattr(reconciliation, "_compare_again", fix_and_compare_again)
    assert await busy.clean()
    assert True in results
