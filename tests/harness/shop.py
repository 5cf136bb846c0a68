"""A shop for tests: a seller, a buyer, and connections to both databases."""

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
    """Ada sells a product for 100, with 5 in stock; Bob has 1000."""

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
        """Buy as Bob."""
        return await self.client.post("/purchases", json=self.wanted(quantity, **more), headers=self.bob.paying(key))

    async def refund(
        self, purchase: dict[str, Any], who: Person | None = None, key: str | None = None, **part: int
    ) -> httpx.Response:
        """Refund a purchase or a part of it, as Ada by default."""
        path, headers = f"/purchases/{purchase['id']}/refund", (who or self.ada).paying(key)
        return await self.client.post(path, json=part or None, headers=headers)

    async def read(self, purchase: dict[str, Any]) -> Any:
        """Return the purchase as Bob sees it."""
        return found(await self.client.get(f"/purchases/{purchase['id']}", headers=self.bob.headers))

    async def stock(self) -> int:
        """Return the stock of the product."""
        cursor = await self.catalog.execute("SELECT stock FROM products WHERE id = %s", (self.product,))
        row = await cursor.fetchone()
        assert row is not None
        return int(row[0])

    async def reserved(self) -> list[str]:
        """Return the status of each purchase's reservation in the catalog."""
        cursor = await self.catalog.execute("SELECT status FROM reservations ORDER BY purchase_id")
        return [status for (status,) in await cursor.fetchall()]

    async def money(self) -> tuple[int, int, int]:
        """Return Bob's balance, the part of it that is held, and Ada's balance."""
        held = await self.world.value("SELECT held FROM accounts WHERE id = %s", self.purse)
        bob, ada = await self.world.balances(self.purse, self.till)
        return bob, held, ada

    async def finish_abandoned(self) -> int:
        """Expire every lease and run the job that finishes abandoned purchases; return how many it leased."""
        for table in ("purchases", "refunds"):
            await self.world.connection.execute(
                f"UPDATE {table} SET leased_until = '-infinity' WHERE NOT finished".encode()
            )
        with running(Operation("finish_purchases")):
            return await purchasing.finish_abandoned(service_of(self.app).pools)

    async def age(self) -> None:
        """Move every decision one hour back, so that no audit counts a purchase as in flight."""
        await self.world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")

    async def audit(self) -> dict[str, Any]:
        """Run an audit of all purchases, however recent; return it."""
        await self.age()
        audit: dict[str, Any] = found(await self.client.post("/ops/audit", headers=self.root.headers))
        return audit

    async def clean(self) -> bool:
        """Return True if the audit finds no violation and no purchase in flight."""
        audit = await self.audit()
        return bool(audit["ok"]) and audit["checks"][0]["in_flight"] == []


@pytest.fixture
async def shop(client: httpx.AsyncClient, app: FastAPI, world: World, catalog: Connection) -> Shop:
    return await Shop(client, app, world, catalog).open()


class Network:
    """The network between the service and one database."""

    def __init__(self, between: Proxy) -> None:
        self.between = between

    async def cut(self, pool: Pool) -> None:
        """Cut the network, and shorten the wait of requests for a connection."""
        await self.between.stop()
        pool.options = replace(pool.options, timeout=1)

    async def restore(self, pool: Pool) -> None:
        """Restore the network, and wait until the service can use it."""
        await self.between.start()
        pool.options = replace(pool.options, timeout=60)
        async with pool.checkout() as checkout:
            await checkout.connection.execute("SELECT 1")


@pytest.fixture
async def networks(served: dict[str, str]) -> AsyncIterator[dict[str, Network]]:
    """The networks between the service and its databases. Request this fixture before the application."""
    async with AsyncExitStack() as stack:
        yield {name: Network(await stack.enter_async_context(proxy(url))) for name, url in served.items()}


@pytest.fixture
def networked(settings: Settings, networks: dict[str, Network], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service that reaches its databases through `networks`."""
    conninfos = {f"{name}_database_url": network.between.conninfo for name, network in networks.items()}
    return settings.model_copy(update=conninfos)
