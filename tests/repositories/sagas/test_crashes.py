"""The service is killed before and after each commit of a purchase and of a refund; another service finishes it."""

import asyncio
import signal
import time
from contextlib import ExitStack

import httpx
import pytest

from tests.harness.launcher import PATIENCE
from tests.harness.market import DECISION_SECONDS, Market
from tests.harness.processes import Service, service, until

POINTS = [f"{when} {step}" for step in ("hold", "reserve", "decide", "confirm") for when in ("before", "after")]


async def test_killed_at_any_point_everything_is_decided_and_nothing_lost_or_done_twice(
    served: dict[str, str], databases: dict[str, str]
) -> None:
    """After SIGKILL at each failpoint, another service finishes the purchase within 60 s; a repeat shows its state."""
    settings = {
        "FOLIO_MAIN_DATABASE_URL": served["main"],
        "FOLIO_CATALOG_DATABASE_URL": served["catalog"],
        "FOLIO_POOL_MIN_SIZE": "1",
        "FOLIO_POOL_TIMEOUT": "30",
        "FOLIO_REQUEST_TIMEOUT": "14",
    }
    market = await Market(settings, databases).open()
    with ExitStack() as stack:
        for point in POINTS:
            await asyncio.to_thread(_be_killed, point, market)
        assert await market.undecided() == len(POINTS) - 1, "each but the first left something behind"
        killed = time.monotonic()
        survivor = stack.enter_context(service(settings))
        while await market.undecided():
            assert time.monotonic() - killed < DECISION_SECONDS
            await asyncio.sleep(0.2)
        for point in POINTS:
            answer = survivor.http.post("/purchases", json=market.wanted, headers=market.buyer.paying(point))
            assert (answer.status_code, answer.json()["status"]) == (201, "completed"), (point, answer.text)
            assert ("Idempotency-Replayed" in answer.headers) == (point != "before hold")
        assert survivor.end(signal.SIGTERM) == 0, "the workers stop cleanly"
    await market.verify(keys=len(POINTS))


def _be_killed(point: str, market: Market, path: str = "/purchases", body: dict[str, int] | None = None) -> None:
    """Start a service that kills itself at a point, and buy something there, or refund a part at a path."""
    person = market.buyer if body is None else market.seller
    # Its job must not find the purchases of the services killed before.
    folio = Service(market.settings | {"FOLIO_FAILPOINT": point, "FOLIO_SWEEP_INTERVAL": "3600"})
    try:
        until(folio.answers)
        with pytest.raises(httpx.TransportError):
            folio.http.post(path, json=body or market.wanted, headers=person.paying(point), timeout=PATIENCE)
        assert folio.process.wait(PATIENCE) == -signal.SIGKILL
    finally:
        folio.process.send_signal(signal.SIGKILL)
        folio.close()


REFUND_POINTS = [f"{when} {step}" for step in ("refund", "return", "returned") for when in ("before", "after")]


async def test_killed_at_any_point_of_a_refund_stock_and_money_agree(
    served: dict[str, str], databases: dict[str, str]
) -> None:
    """After SIGKILL at each failpoint, another service returns the stock within 60 s; each refund counts once."""
    settings = {
        "FOLIO_MAIN_DATABASE_URL": served["main"],
        "FOLIO_CATALOG_DATABASE_URL": served["catalog"],
        "FOLIO_POOL_MIN_SIZE": "1",
        "FOLIO_POOL_TIMEOUT": "30",
        "FOLIO_REQUEST_TIMEOUT": "14",
    }
    market = await Market(settings, databases).open()
    pieces, parts = len(REFUND_POINTS) + 1, len(REFUND_POINTS)
    with service(settings) as first:
        body = market.wanted | {"quantity": pieces}
        bought = first.http.post("/purchases", json=body, headers=market.buyer.paying("buy"))
        assert bought.status_code == 201, bought.text
    path = f"{bought.headers['Location']}/refund"
    with ExitStack() as stack:
        for point in REFUND_POINTS:
            await asyncio.to_thread(_be_killed, point, market, path, {"quantity": 1})
        assert await market.unreturned() == parts - 2, "the first paid nothing back, the last was finished"
        killed = time.monotonic()
        survivor = stack.enter_context(service(settings))
        while await market.unreturned():
            assert time.monotonic() - killed < DECISION_SECONDS
            await asyncio.sleep(0.2)
        for point in REFUND_POINTS:
            answer = survivor.http.post(path, json={"quantity": 1}, headers=market.seller.paying(point))
            assert answer.status_code == 201, (point, answer.text)
            assert ("Idempotency-Replayed" in answer.headers) == (point != "before refund")
        assert answer.json()["refunded_quantity"] == parts
        assert answer.json()["refunded_amount"] == parts * bought.json()["unit_price"]
        assert survivor.end(signal.SIGTERM) == 0, "the workers stop cleanly"
    await market.verify(keys=1, pieces=pieces, returned=parts)
