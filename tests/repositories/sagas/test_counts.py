"""Metrics of purchases: their transfers, and the unfinished purchases."""

import pytest

from repositories.postgres.errors import DatabaseUnavailable
from repositories.sagas import purchases as sagas
from tests.harness.expect import found
from tests.harness.metrics import Scraper, total
from tests.harness.shop import Shop


async def test_a_purchase_and_its_refund_are_transfers(shop: Shop, scraper: Scraper) -> None:
    """Each payment counts once as made; a refusal counts by its code; a repeat counts nothing."""
    async with scraper.moves() as moved:
        bought = found(await shop.buy(key="a"), 201)
        found(await shop.buy(key="a"), 201)
    assert moved.transfers() == {"made": 1}
    async with scraper.moves() as moved:
        found(await shop.refund(bought), 201)
        found(await shop.refund(bought), 409)
    assert moved.transfers() == {"made": 1, "already_refunded": 1}
    await shop.world.connection.execute("UPDATE accounts SET minimum = 950 WHERE id = %s", (shop.purse,))
    async with scraper.moves() as moved:
        for _ in range(2):
            found(await shop.buy(key="b"), 422)
    assert moved.transfers() == {"insufficient_funds": 1}
    await shop.world.connection.execute("UPDATE accounts SET minimum = 0 WHERE id = %s", (shop.purse,))
    await shop.catalog.execute("UPDATE products SET stock = 0")
    async with scraper.moves() as moved:
        found(await shop.buy(key="c"), 422)
    assert moved.transfers() == {"out_of_stock": 1}


@pytest.mark.parametrize(("step", "state", "transfers"), [("_reserve", "pending", 0), ("_confirm", "unconfirmed", 1)])
async def test_unfinished_purchases_are_shown_with_their_age(
    shop: Shop, scraper: Scraper, monkeypatch: pytest.MonkeyPatch, step: str, state: str, transfers: int
) -> None:
    """Pending until decided, unconfirmed until the catalog knows the decision, until a job finishes the purchase."""

    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    text = await scraper.read()
    assert total(text, "folio_purchases_unfinished") == total(text, "folio_purchases_unfinished_oldest_seconds") == 0
    async with scraper.moves() as moved:
        with monkeypatch.context() as patched:
            patched.setattr(sagas.Saga, step, away)
            found(await shop.buy(), 202)
    assert moved.by("folio_purchases_unfinished", state=state) == moved.by("folio_purchases_unfinished") == 1
    assert moved.transfers().get("made", 0) == transfers
    await shop.world.connection.execute(
        "UPDATE purchases SET created_at = created_at - interval '1 hour', decided_at = decided_at - interval '1 hour'"
    )
    assert 3600 < total(await scraper.read(), "folio_purchases_unfinished_oldest_seconds") < 4000
    async with scraper.moves() as moved:
        assert await shop.finish_abandoned() == 1
    assert moved.transfers().get("made", 0) == 1 - transfers
    assert total(moved.after, "folio_purchases_unfinished") == 0
    assert total(moved.after, "folio_purchases_unfinished_oldest_seconds") == 0
