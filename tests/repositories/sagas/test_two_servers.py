"""The two databases on two servers; each server is stopped and started under a load of purchases."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.harness.launcher import PATIENCE
from tests.harness.market import DECISION_SECONDS, Market
from tests.harness.processes import Service, service
from tests.harness.servers import Server, new_server

SHOPPERS = 4


@pytest.fixture
def servers() -> Iterator[dict[str, Server]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(new_server()) for name in ("main", "catalog")}


@pytest.fixture
def folio(servers: dict[str, Server]) -> Iterator[tuple[Service, dict[str, str]]]:
    """A service on both, and its settings."""
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": server.conninfo for name, server in servers.items()}
    with service(settings | {"FOLIO_MIGRATE_ON_START": "true"}) as running:
        yield running, settings


async def test_purchases_over_two_servers_outlive_the_loss_of_either(
    folio: tuple[Service, dict[str, str]], servers: dict[str, Server]
) -> None:
    """Each key is one purchase, paid once; unfinished purchases are decided within 60 s of the server's return."""
    running, settings = folio
    market = await Market(settings, {name: server.conninfo for name, server in servers.items()}).open()
    bought = 0
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=PATIENCE) as client:
        for lost in (None, "main", "catalog"):
            shoppers = [Shopper(client, market, f"{lost} {number}") for number in range(SHOPPERS)]
            shopping = [asyncio.create_task(shopper.shop()) for shopper in shoppers]
            await come_about(lambda: all(shopper.bought for shopper in shoppers))  # noqa: B023 - now
            if lost is not None:
                await asyncio.to_thread(servers[lost].stop)
                await come_about(lambda: any(shopper.refused for shopper in shoppers))  # noqa: B023 - now
                await asyncio.to_thread(servers[lost].start)
            returned = time.monotonic()
            for shopper in shoppers:
                shopper.enough = True
            await asyncio.gather(*shopping)
            while await market.undecided():
                assert time.monotonic() - returned < DECISION_SECONDS
                await asyncio.sleep(0.2)
            bought += sum(shopper.bought for shopper in shoppers)
            await market.verify(keys=bought)


async def come_about(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - no event exists for it
            await asyncio.sleep(0.1)


class Shopper:
    """A client that buys unit after unit, and repeats each request until it is not answered 503."""

    def __init__(self, client: httpx.AsyncClient, market: Market, name: str) -> None:
        self._client = client
        self._market = market
        self._name = name
        self.bought = 0
        self.refused = 0
        self.enough = False

    async def shop(self) -> None:
        while not self.enough:
            headers = self._market.buyer.paying(f"{self._name} {self.bought}")
            async with asyncio.timeout(PATIENCE):
                while (answer := await self._buy(headers)).status_code == 503:
                    assert int(answer.headers["Retry-After"]) > 0
                    self.refused += 1
                    await asyncio.sleep(0.2)
            assert answer.status_code in {201, 202}, answer.text
            self.bought += 1
            await asyncio.sleep(0.05)

    async def _buy(self, headers: dict[str, str]) -> httpx.Response:
        return await self._client.post("/purchases", json=self._market.wanted, headers=headers)
