"""A shop: somebody who sells, somebody who buys, and both databases to look into."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres.operation import Operation, running
from repositories.postgres.pools import Pool
from repositories.sagas import purchases as purchasing
from tests.harness.expect import found
from tests.harness.proxy import Proxy, proxy
from tests.harness.world import Connection, Person, World, a_product

PRICE = 100
STOCK = 5
FUNDS = 1000


@dataclass
class Shop:
    """Ada sells a product for 100, of which there are 5; Bob has 1000."""

    client: httpx.AsyncClient
    app: FastAPI
    world: World
    catalog: Connection

    async def open(self) -> "Shop":
        self.ada, self.bob = await self.world.person("ada"), await self.world.person("bob")
        self.root = await self.world.person("root", role="operator")
        self.till, self.purse = await self.world.account(self.ada), await self.world.account(self.bob)
        await self.world.fund(self.purse, FUNDS)
        self.product = await a_product(self.catalog, self.ada, self.till, price=PRICE, stock=STOCK)
        return self

    def wanted(self, quantity: int = 1, **more: object) -> dict[str, object]:
        """Return the body of Bob's purchase."""
        return {"product_id": self.product, "quantity": quantity, "account_id": self.purse, **more}

    async def buy(self, quantity: int = 1, key: str | None = None, **more: object) -> httpx.Response:
        """Let Bob buy."""
        return await self.client.post("/purchases", json=self.wanted(quantity, **more), headers=self.bob.paying(key))

    async def refund(
        self, purchase: dict[str, Any], who: Person | None = None, key: str | None = None
    ) -> httpx.Response:
        """Let somebody pay a purchase back; Ada, unless said otherwise."""
        return await self.client.post(f"/purchases/{purchase['id']}/refund", headers=(who or self.ada).paying(key))

    async def read(self, purchase: dict[str, Any]) -> Any:
        """Return the purchase as Bob sees it."""
        return found(await self.client.get(f"/purchases/{purchase['id']}", headers=self.bob.headers))

    async def stock(self) -> int:
        """Return how many are left."""
        cursor = await self.catalog.execute("SELECT stock FROM products WHERE id = %s", (self.product,))
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def reserved(self) -> list[str]:
        """Return what the catalog knows of each purchase."""
        cursor = await self.catalog.execute("SELECT status FROM reservations ORDER BY purchase_id")
        return [status for (status,) in await cursor.fetchall()]

    async def money(self) -> tuple[int, int, int]:
        """Return what Bob has and what of it is held, and what Ada has."""
        held = await self.world.value("SELECT held FROM accounts WHERE id = %s", self.purse)
        bob, ada = await self.world.balances(self.purse, self.till)
        return bob, held, ada

    async def work(self) -> int:
        """Let a worker of this service take up what nobody is at work on, once every lease is over."""
        await self.world.connection.execute("UPDATE purchases SET leased_until = '-infinity' WHERE NOT finished")
        with running(Operation("finish_purchases")):
            return await purchasing.finish_abandoned(service_of(self.app).pools)

    async def age(self) -> None:
        """Let everything have been decided longer ago than what an audit still counts as under way."""
        await self.world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")

    async def audit(self) -> dict[str, Any]:
        """Run an audit of everything there is, and return it."""
        await self.age()
        audit: dict[str, Any] = found(await self.client.post("/ops/audit", headers=self.root.headers))
        return audit

    async def clean(self) -> bool:
        """Tell whether the audit finds nothing, and nothing is under way."""
        audit = await self.audit()
        return bool(audit["ok"]) and audit["checks"][0]["in_flight"] == []


@pytest.fixture
async def shop(client: httpx.AsyncClient, app: FastAPI, world: World, catalog: Connection) -> Shop:
    return await Shop(client, app, world, catalog).open()


class Network:
    """The way from the service to one database."""

    def __init__(self, between: Proxy) -> None:
        self.between = between

    async def cut(self, database: Pool) -> None:
        """Let the database be away, and requests that wait for it give up soon."""
        await self.between.stop()
        database.options = replace(database.options, timeout=1)

    async def mend(self, database: Pool) -> None:
        """Let it be back, and wait until the service has noticed."""
        await self.between.start()
        database.options = replace(database.options, timeout=60)
        async with database.checkout() as checkout:
            await checkout.connection.execute("SELECT 1")


@pytest.fixture
async def networks(served: dict[str, str]) -> AsyncIterator[dict[str, Network]]:
    """The ways from the service to its databases. Ask for them before the application."""
    async with AsyncExitStack() as stack:
        yield {name: Network(await stack.enter_async_context(proxy(url))) for name, url in served.items()}


@pytest.fixture
def networked(settings: Settings, networks: dict[str, Network], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a service that reaches its databases through `networks`."""
    conninfos = {f"{name}_database_url": network.between.conninfo for name, network in networks.items()}
    return settings.model_copy(update=conninfos)
