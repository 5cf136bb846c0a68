"""A steady load on a running Folio: clients that read, pay, hold and buy, and repeat a request until its answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from itertools import count, cycle
from typing import TYPE_CHECKING, Any, Self

import httpx
import psycopg

from tests.faults.judge import Answer, flaw
from tests.harness.launcher import PATIENCE
from tests.harness.market import DECISION_SECONDS, FUNDS, Market
from tests.harness.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

PAUSE_SECONDS = 0.1
"""Between two requests of one client: seven clients send about 50 requests per second."""
TIMEOUT_SECONDS = 60.0
"""Longer than an answer may take, so that the time of a late answer is measured."""
ROUTES = {"read", "transfer", "hold", "capture", "purchase"}
NEW_CONNECTION_CLIENTS = ("read 2", "transfer 2", "purchase 2")
"""Clients that open a connection for each request; their keys start with these names."""
READS = ("/posts", "/products/{product}", "/accounts/{purse}", "/transfers?limit=10")


class ServiceLeft(Exception):
    """The service was told to stop and no longer accepts connections."""


class Load:
    """The clients of one service, and the answer to each of their requests."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.answers: list[Answer] = []
        self.ending = False
        self.service_leaving = False
        """True once the service was told to stop: a refused connection then ends a client and is no violation."""
        self.accounts: dict[str, tuple[int, int]] = {}
        """Payer and payee, by client."""
        self._clients: list[asyncio.Task[None]] = []

    async def open(self, port: int) -> None:
        """Insert the accounts, a pair for each client that pays, for a service at a port."""
        self.url = f"http://127.0.0.1:{port}"
        await self.market.open()
        main = self.market.settings["FOLIO_MAIN_DATABASE_URL"]
        async with await psycopg.AsyncConnection.connect(main, autocommit=True) as connection:
            world = World(connection)
            for name in ("transfer 1", "transfer 2", "hold"):
                pair = await world.account(self.market.buyer), await world.account(self.market.buyer)
                await world.fund(pair[0], FUNDS)
                self.accounts[name] = pair

    async def __aenter__(self) -> Self:
        no_keep_alive = httpx.Limits(max_keepalive_connections=0)
        self._keep_alive = httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS)
        self._new_connections = httpx.AsyncClient(base_url=self.url, timeout=TIMEOUT_SECONDS, limits=no_keep_alive)
        clients = [self._read("read 1"), self._read("read 2")]
        clients += [self._pay("transfer 1"), self._pay("transfer 2"), self._hold_and_capture()]
        clients += [self._buy(f"purchase {number}") for number in (1, 2)]
        self._clients = [asyncio.create_task(_run_until_service_left(client)) for client in clients]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the load once the last request of each client has its final answer."""
        self.ending = True
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*self._clients)
        finally:
            for client in self._clients:
                client.cancel()
            await self._keep_alive.aclose()
            await self._new_connections.aclose()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition is true; fail at once if a client failed."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                for client in self._clients:
                    if client.done():
                        client.result()
                await asyncio.sleep(0.05)

    def answers_since(self, moment: float) -> list[Answer]:
        """Return the answers that came after a moment."""
        return [answer for answer in self.answers if answer.ended_at >= moment]

    def first_successes(self, since: float) -> dict[str, float]:
        """Return the time of the first success of each route, of requests that were sent after `since`."""
        times: dict[str, float] = {}
        for answer in self.answers:
            if answer.sent_at >= since and answer.succeeded:
                times.setdefault(answer.route, answer.ended_at)
        return times

    async def wait_for_successes(self, since: float) -> None:
        """Wait until every route has succeeded with a request that was sent after `since`."""
        await self.wait_until(lambda: self.first_successes(since).keys() == ROUTES)

    async def wait_until_decided(self) -> None:
        """Wait until no purchase is unfinished."""
        async with asyncio.timeout(DECISION_SECONDS):
            while await self.market.undecided():  # noqa: ASYNC110 - it waits for a row
                await asyncio.sleep(0.2)

    @property
    def purchase_count(self) -> int:
        """The number of purchases that were requested; each was repeated until its answer."""
        return len({answer.key for answer in self.answers if answer.route == "purchase"})

    def _keys(self, name: str) -> Iterator[str]:
        """Yield the keys of a client until the load ends."""
        for number in count():
            if self.ending:
                return
            yield f"{name} {number}"

    async def _read(self, name: str) -> None:
        paths = cycle(path.format(product=self.market.product, purse=self.market.purse) for path in READS)
        for key in self._keys(name):
            await self._until_answered("read", key, "GET", next(paths))

    async def _pay(self, name: str) -> None:
        for key in self._keys(name):
            await self._until_answered("transfer", key, "POST", "/transfers", order(*self.accounts[name], key))

    async def _buy(self, name: str) -> None:
        for key in self._keys(name):
            await self._until_answered("purchase", key, "POST", "/purchases", self.market.wanted)

    async def _hold_and_capture(self) -> None:
        """Hold money and capture it, as the owner of both accounts."""
        for key in self._keys("hold"):
            body = order(*self.accounts["hold"], key, expires_in=3600)
            hold = await self._until_answered("hold", key, "POST", "/holds", body)
            capture_key = key.replace("hold", "capture")
            await self._until_answered("capture", capture_key, "POST", f"/holds/{hold.resource_id}/capture", {})

    async def _until_answered(
        self, route: str, key: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        """Repeat a request under its key until it is answered, other than by 503, and return that answer."""
        while True:
            answer = await self._send(route, key, method, path, body)
            self.answers.append(answer)
            await asyncio.sleep(PAUSE_SECONDS)
            if answer.status not in {0, 503}:
                return answer

    async def _send(self, route: str, key: str, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        headers = self.market.buyer.paying(key)
        http = self._new_connections if key.startswith(NEW_CONNECTION_CLIENTS) else self._keep_alive
        sent_at = time.monotonic()
        try:
            answer = await http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            if self.service_leaving and isinstance(error, httpx.ConnectError):
                raise ServiceLeft from error
            return Answer(route, key, sent_at, time.monotonic() - sent_at, 0, flaw=repr(error))
        seconds = time.monotonic() - sent_at
        members = answer.json() if answer.headers.get("Content-Type", "").endswith("json") else {}
        return Answer(
            route,
            key,
            sent_at,
            seconds,
            answer.status_code,
            code=members.get("code", ""),
            resource_id=members.get("transfer_id" if route == "capture" else "id"),
            flaw=flaw(answer),
        )


async def _run_until_service_left(client: Awaitable[None]) -> None:
    with contextlib.suppress(ServiceLeft):
        await client


def order(payer: int, payee: int, key: str, **members: int) -> dict[str, Any]:
    """Return the body of a transfer or a hold whose description is its key."""
    return {"from_account_id": payer, "to_account_id": payee, "amount": 1, "description": key} | members
