"""A market served by several processes: one seller, one buyer, and the promises that must survive every fault."""

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
DECISION_SECONDS = 60.0
"""Limit after the last fault within which every purchase is decided."""


class Market:
    """One product and one buyer, in databases that several services share.

    `databases` has the connection strings for raw SQL, past any proxy of `settings`.
    """

    def __init__(self, settings: Mapping[str, str], databases: Mapping[str, str]) -> None:
        self.settings = dict(settings)
        self._databases = databases

    async def open(self) -> Market:
        """Insert the users, their accounts and the product."""
        async with await self._connect("main") as main, await self._connect("catalog") as catalog:
            world = World(main)
            self.seller, self.buyer = await world.person("seller"), await world.person("buyer")
            self.till, self.purse = await world.account(self.seller), await world.account(self.buyer)
            await world.fund(self.purse, FUNDS)
            self.product = await a_product(catalog, self.seller, self.till, price=PRICE, stock=STOCK)
        return self

    @property
    def wanted(self) -> dict[str, int]:
        """The body of a request that buys one piece."""
        return {"product_id": self.product, "quantity": 1, "account_id": self.purse}

    async def undecided(self) -> int:
        """Return the number of unfinished purchases."""
        return int((await self._rows("main", "SELECT count(*) FROM purchases WHERE NOT finished"))[0][0])

    async def unreturned(self) -> int:
        """Return the number of refunds whose quantity is not known to be back in stock."""
        return int((await self._rows("main", "SELECT count(*) FROM refunds WHERE NOT finished"))[0][0])

    async def verify(self, keys: int, *, pieces: int | None = None, returned: int = 0) -> None:
        """Assert every promise in both databases, after `keys` requests that were retried until answered.

        They bought `pieces`, one each by default, of which `returned` were refunded.
        """
        pieces = keys if pieces is None else pieces
        sold = pieces - returned
        statuses = dict(await self._rows("main", "SELECT status, count(*) FROM purchases GROUP BY status"))
        assert statuses == {"completed": keys}, "each key is one purchase"
        [(paid, transfers)] = await self._rows(
            "main", "SELECT sum(amount), count(*) FROM transfers WHERE description LIKE 'Purchase %'"
        )
        assert (paid, transfers) == (pieces * PRICE, keys), "no purchase was charged twice"
        balances = await self._rows("main", "SELECT balance, held FROM accounts ORDER BY id LIMIT 2")
        assert balances == [(sold * PRICE, 0), (FUNDS - sold * PRICE, 0)]
        assert await self._rows("catalog", "SELECT stock FROM products") == [(STOCK - sold,)]
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
