"""A market that processes serve: one seller, one buyer, and what must hold however the processes and servers fared."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg

from tests.harness.processes import command
from tests.harness.world import World, a_product

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICE = 7
STOCK = 1_000_000
FUNDS = 100_000_000
DECIDED_WITHIN = 60.0
"""Seconds, as DESIGN promises, from the last fault on."""


class Market:
    """One product and one buyer, in databases that any number of services share; raw SQL goes by `databases`."""

    def __init__(self, settings: Mapping[str, str], databases: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._databases = databases

    async def open(self) -> Market:
        """Put everybody in."""
        async with await self._connect("main") as main, await self._connect("catalog") as catalog:
            world = World(main)
            self.seller, self.buyer = await world.person("seller"), await world.person("buyer")
            self.till, self.purse = await world.account(self.seller), await world.account(self.buyer)
            await world.fund(self.purse, FUNDS)
            self.product = await a_product(catalog, self.seller, self.till, price=PRICE, stock=STOCK)
        return self

    @property
    def wanted(self) -> dict[str, int]:
        """The body of a purchase of one."""
        return {"product_id": self.product, "quantity": 1, "account_id": self.purse}

    async def undecided(self) -> int:
        """Return how many purchases are not at their end."""
        return int((await self._rows("main", "SELECT count(*) FROM purchases WHERE NOT finished"))[0][0])

    async def holds(self, keys: int) -> None:
        """Hold both databases to every promise, after `keys` requests that were each answered in the end."""
        statuses = dict(await self._rows("main", "SELECT status, count(*) FROM purchases GROUP BY status"))
        assert statuses == {"completed": keys}, "each key is one purchase"
        [(paid, transfers)] = await self._rows(
            "main", "SELECT sum(amount), count(*) FROM transfers WHERE description LIKE 'Purchase %'"
        )
        assert (paid, transfers) == (keys * PRICE, keys), "nobody was charged twice"
        balances = await self._rows("main", "SELECT balance, held FROM accounts ORDER BY id LIMIT 2")
        assert balances == [(keys * PRICE, 0), (FUNDS - keys * PRICE, 0)]
        assert await self._rows("catalog", "SELECT stock FROM products") == [(STOCK - keys,)]
        await self._rows("main", "UPDATE purchases SET decided_at = decided_at - interval '1 hour' RETURNING id")
        done = command("audit", "--json", settings=self.settings)
        assert done.returncode == 0, done.stdout + done.stderr
        audit = json.loads(done.stdout)
        assert (audit["ok"], audit["checks"][0]["in_flight"]) == (True, [])

    async def _connect(self, database: str) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(self._databases[database], autocommit=True)

    async def _rows(self, database: str, query: str) -> list[Any]:
        async with await self._connect(database) as connection:
            return await (await connection.execute(query)).fetchall()
