"""One client follows an account, another pays, buys and refunds, a file is imported, and both databases are killed."""

import asyncio
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.cli.test_serve_embedded import postmasters
from tests.harness.expect import found
from tests.harness.payments import order
from tests.harness.processes import Service, command, printed, service
from tests.harness.tail import Tail, tailing
from tests.harness.world import Person

PRICE = 50
LINES = 5000
KILLED_AT = (1000, 3000)
"""Entries of the followed account at which the server of both databases is killed."""


class Trade:
    """Ada sells to Bob, over HTTP. Each request is sent under one Idempotency-Key until it is decided."""

    def __init__(self, folio: Service, root: Person) -> None:
        self._folio = folio
        self.root = root

    async def open(self) -> "Trade":
        self.ada, self.bob = [await self._register(name) for name in ("ada", "bob")]
        self.outside, self.till, self.purse = [
            (await self.send("POST", "/accounts", who, {"name": "Account", "currency": "EUR"}))["id"]
            for who in (self.root, self.ada, self.bob)
        ]
        await self.send("PATCH", f"/accounts/{self.outside}", self.root, {"minimum": None})
        await self.send("POST", "/transfers", self.root, order(self.outside, self.purse, 10**9))
        product = {"name": "Pen", "price": PRICE, "currency": "EUR", "stock": 10**6, "account_id": self.till}
        self.product = (await self.send("POST", "/products", self.ada, product))["id"]
        return self

    async def send(self, method: str, path: str, who: Person, body: object = None) -> Any:
        """Send a request until it is answered 200 or 201; return the answer's value."""
        headers = who.paying()
        async with asyncio.timeout(120), httpx.AsyncClient(base_url=self._folio.http.base_url, timeout=15) as client:
            while True:
                try:
                    answer = await client.request(method, path, json=body, headers=headers)
                except httpx.TransportError:
                    answer = httpx.Response(503)
                if answer.status_code not in {202, 503}:
                    return found(answer, 200 if method in {"GET", "PATCH"} else 201)
                await asyncio.sleep(0.1)

    async def until(self, ended: Callable[[], bool]) -> Counter[int]:
        """Pay, buy and refund in parts until `ended`; return how often Ada's account has an entry of each amount."""
        entries = Counter[int]()
        while not ended():
            paid = await self.send("POST", "/transfers", self.bob, order(self.purse, self.till, 7))
            await self.send("POST", f"/transfers/{paid['id']}/reversal", self.ada, {"amount": 2})
            wanted = {"product_id": self.product, "quantity": 3, "account_id": self.purse}
            bought = await self.send("POST", "/purchases", self.bob, wanted)
            for part in ({"quantity": 1}, {"amount": 9}):
                await self.send("POST", f"/purchases/{bought['id']}/refund", self.ada, part)
            entries.update((7, -2, 3 * PRICE, -PRICE, -9))
        return entries

    async def _register(self, name: str) -> Person:
        body = {"username": name, "email": f"{name}@example.com"}
        user = await self.send("POST", "/users", self.root, body)
        return Person(user["id"], name, user["api_key"])


@pytest.fixture
def folder() -> Iterator[str]:
    """A data folder of its own."""
    with tempfile.TemporaryDirectory(prefix="folio-") as folder:
        Path(folder).chmod(0o755)
        yield folder


def assert_complete(tail: Tail, version: int, entries: Counter[int]) -> None:
    """Assert that a follower has every version once, in order, and so many entries of each amount."""
    assert tail.versions == list(range(1, version + 1))
    assert Counter(entry["amount"] for entry in tail.entries) == entries


@pytest.mark.parametrize("followed", [((1, 7), (2, 7), (2, 7)), ((1, 7), (3, 7)), ((2, 7), (1, 7)), ((1, 7), (2, 8))])
def test_an_entry_that_is_missed_doubled_or_changed_is_found(followed: tuple[tuple[int, int], ...]) -> None:
    """Negative control: of two entries of 7, one is doubled, missing, out of order or of another amount."""
    tail = Tail("http://folio", 1, Person(1, "ada", ""))
    for version, amount in followed:
        tail.take(f'data: {{"version": {version}, "amount": {amount}}}\nid: {version}')
    with pytest.raises(AssertionError):
        assert_complete(tail, 2, Counter({7: 2}))


async def test_nothing_is_missed_doubled_or_lost(folder: str, tmp_path: Path) -> None:
    """The follower has every version once, in order; each request and each line moved its money once."""
    settings = {"FOLIO_DATA_DIR": folder}
    with service(settings) as folio:
        operator = printed(command("operator", "add", "root", "--json", settings=settings))
        trade = await Trade(folio, Person(operator["id"], "root", operator["api_key"])).open()
        file = tmp_path / "transfers.csv"
        lines = [f"line-{number},{trade.outside},{trade.till},3\n" for number in range(LINES)]
        file.write_text("key,from_account_id,to_account_id,amount\n" + "".join(lines))
        tail = Tail(str(folio.http.base_url), trade.till, trade.ada)
        async with tailing(tail):
            words = ("import", str(file), "--as", "root", "--json")
            importing = asyncio.create_task(asyncio.to_thread(lambda: command(*words, settings=settings)))
            trading = asyncio.create_task(trade.until(importing.done))
            for version in KILLED_AT:
                await tail.until(lambda version=version: tail.last >= version)  # type: ignore[misc]
                [postmaster] = postmasters(folder)
                postmaster.send_signal(signal.SIGKILL)
            imported = printed(await importing)
            entries = await trading + Counter({3: LINES})
            account = await trade.send("GET", f"/accounts/{trade.till}", trade.ada)
            await tail.until(lambda: tail.last >= account["version"])
        assert_complete(tail, account["version"], entries)
        assert imported["imported"] + imported["imported_earlier"] == LINES
        assert account["balance"] == sum(amount * number for amount, number in entries.items())
        assert printed(command("audit", "--json", settings=settings))["ok"]
