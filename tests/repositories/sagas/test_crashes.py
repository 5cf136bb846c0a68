"""The service is killed before and after each of the four commits of a purchase; another service finishes it."""

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


def _be_killed(point: str, market: Market) -> None:
    """Start a service that kills itself at a point, and buy something there."""
    # Its job must not find the purchases of the services killed before.
    folio = Service(market.settings | {"FOLIO_FAILPOINT": point, "FOLIO_SWEEP_INTERVAL": "3600"})
    try:
        until(folio.answers)
        with pytest.raises(httpx.TransportError):
            folio.http.post("/purchases", json=market.wanted, headers=market.buyer.paying(point), timeout=PATIENCE)
        assert folio.process.wait(PATIENCE) == -signal.SIGKILL
    finally:
        folio.process.send_signal(signal.SIGKILL)
        folio.close()
