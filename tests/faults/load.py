"""A steady load on a running Folio: a few clients who read, pay, hold and buy, each request until it is answered."""

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
from tests.harness.market import DECIDED_WITHIN, FUNDS, Market
from tests.harness.world import World

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

PAUSE = 0.1
"""Seconds between two requests of one client: seven clients are some 50 requests a second."""
TIMEOUT = 60.0
"""Seconds that a client waits for an answer: longer than any may take, so that one that comes late is measured."""
ROUTES = {"read", "transfer", "hold", "capture", "purchase"}
FRESH = ("read 2", "transfer 2", "purchase 2")
"""What the keys of clients begin with who keep no connection."""
READS = ("/posts", "/products/{product}", "/accounts/{purse}", "/transfers?limit=10")


class Gone(Exception):
    """Nobody listens any more."""


class Load:
    """Clients of one service, and what each of their requests was answered.

    Some keep their connections; those in FRESH open one for each request.
    """

    def __init__(self, market: Market) -> None:
        self.market = market
        self.answers: list[Answer] = []
        self.enough = False
        self.leaving = False
        """Whether the service was told to stop: that nobody listens is right then, and ends a client."""
        self.accounts: dict[str, tuple[int, int]] = {}
        """Payer and payee, by the client that pays."""
        self._clients: list[asyncio.Task[None]] = []

    async def open(self, port: int) -> None:
        """Put in who pays whom, each from accounts that nobody else touches, for a service at a port."""
        self._url = f"http://127.0.0.1:{port}"
        await self.market.open()
        main = self.market.settings["FOLIO_MAIN_DATABASE_URL"]
        async with await psycopg.AsyncConnection.connect(main, autocommit=True) as connection:
            world = World(connection)
            for name in ("transfer 1", "transfer 2", "hold"):
                pair = await world.account(self.market.buyer), await world.account(self.market.buyer)
                await world.fund(pair[0], FUNDS)
                self.accounts[name] = pair

    async def __aenter__(self) -> Self:
        one = httpx.Limits(max_keepalive_connections=0)
        self._kept = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT)
        self._fresh = httpx.AsyncClient(base_url=self._url, timeout=TIMEOUT, limits=one)
        work = [self._read("read 1"), self._read("read 2")]
        work += [self._pay("transfer 1"), self._pay("transfer 2"), self._hold()]
        work += [self._buy(f"purchase {number}") for number in (1, 2)]
        self._clients = [asyncio.create_task(_until_gone(each)) for each in work]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop once each client's last request was answered in the end."""
        self.enough = True
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*self._clients)
        finally:
            for client in self._clients:
                client.cancel()
            await self._kept.aclose()
            await self._fresh.aclose()

    async def comes_to(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds; a client that failed is an error at once."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                for client in self._clients:
                    if client.done():
                        client.result()
                await asyncio.sleep(0.05)

    def succeeding(self, since: float) -> dict[str, float]:
        """Return when each route first succeeded with a request that began since then."""
        found: dict[str, float] = {}
        for answer in self.answers:
            if answer.began >= since and answer.succeeded:
                found.setdefault(answer.route, answer.ended)
        return found

    async def flows(self, since: float) -> None:
        """Wait until every route has succeeded with a request that began since then."""
        await self.comes_to(lambda: self.succeeding(since).keys() == ROUTES)

    async def decided(self) -> None:
        """Wait until every purchase is at its end."""
        async with asyncio.timeout(DECIDED_WITHIN):
            while await self.market.undecided():  # noqa: ASYNC110 - what it waits for is a row
                await asyncio.sleep(0.2)

    @property
    def bought(self) -> int:
        """How many purchases were asked for, each until it was answered."""
        return len({answer.key for answer in self.answers if answer.route == "purchase"})

    def _keys(self, name: str) -> Iterator[str]:
        """Yield a client's keys until it is enough."""
        for number in count():
            if self.enough:
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

    async def _hold(self) -> None:
        """Hold money and take it, by the owner of both accounts."""
        for key in self._keys("hold"):
            body = order(*self.accounts["hold"], key, expires_in=3600)
            held = await self._until_answered("hold", key, "POST", "/holds", body)
            captured = key.replace("hold", "capture")
            await self._until_answered("capture", captured, "POST", f"/holds/{held.made}/capture", {})

    async def _until_answered(
        self, route: str, key: str, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        """Repeat a request under its key until it is answered, and return the answer that was no fault."""
        while True:
            answer = await self._ask(route, key, method, path, body)
            self.answers.append(answer)
            await asyncio.sleep(PAUSE)
            if answer.status not in {0, 503}:
                return answer

    async def _ask(self, route: str, key: str, method: str, path: str, body: dict[str, Any] | None) -> Answer:
        headers = self.market.buyer.paying(key)
        http = self._fresh if key.startswith(FRESH) else self._kept
        began = time.monotonic()
        try:
            answer = await http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            if self.leaving and isinstance(error, httpx.ConnectError):
                raise Gone from error
            return Answer(route, key, began, time.monotonic() - began, 0, flaw=repr(error))
        seconds = time.monotonic() - began
        members = answer.json() if answer.headers.get("Content-Type", "").endswith("json") else {}
        return Answer(
            route,
            key,
            began,
            seconds,
            answer.status_code,
            code=members.get("code", ""),
            made=members.get("transfer_id" if route == "capture" else "id"),
            flaw=flaw(answer),
        )


async def _until_gone(work: Awaitable[None]) -> None:
    with contextlib.suppress(Gone):
        await work


def order(payer: int, payee: int, key: str, **more: int) -> dict[str, Any]:
    """Return the body of a transfer or a hold whose description is its key."""
    return {"from_account_id": payer, "to_account_id": payee, "amount": 1, "description": key} | more
