"""What sellers supplied is counted by every change of the stock, also by the release before the column."""

import asyncio

import pytest
from psycopg import AsyncConnection, AsyncRawCursor

from repositories.audit import invariants
from tests.harness.expect import found
from tests.harness.shop import Shop
from tests.harness.world import Connection, Person
from tests.repositories.audit.books import Books

pytestmark = pytest.mark.full_pool

OLD_UPDATE = "UPDATE products SET stock = %s, version = version + 1, updated_at = clock_timestamp() WHERE id = %s"
MAXIMUM = 9007199254740991


async def supplied(catalog: Connection) -> list[tuple[int, int | None]]:
    """Return stock and supplied of each product."""
    cursor = await catalog.execute("SELECT stock, supplied FROM products ORDER BY id")
    return await cursor.fetchall()


async def set_stock(books: Books, seller: Person, stock: int) -> None:
    headers = seller.headers | {"If-Match": "*"}
    found(await books.client.patch("/products/1", json={"stock": stock}, headers=headers))


async def test_sellers_supply_and_sales_do_not(books: Books) -> None:
    """Of 5, one is sold, and one is sold and returned; then the seller adds 6 and takes 8 back."""
    assert await supplied(books.catalog) == [(4, 5)]
    await set_stock(books, books.bob, 10)
    assert await supplied(books.catalog) == [(10, 11)]
    await set_stock(books, books.bob, 2)
    assert await supplied(books.catalog) == [(2, 3)]
    found(await books.client.delete("/products/1", headers=books.bob.headers | {"If-Match": "*"}), 204)
    assert await supplied(books.catalog) == [(2, 3)]
    assert await books.audit() == {}


async def test_a_return_to_a_full_stock_is_audited(books: Books) -> None:
    """The stock is capped at its maximum, and so is the seller's supply."""
    await set_stock(books, books.bob, MAXIMUM)
    await books.post(books.bob, "/purchases/1/refund")
    assert await supplied(books.catalog) == [(MAXIMUM, MAXIMUM)]
    await books.world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")
    assert await books.audit() == {}


async def test_the_release_before_may_serve_on_the_new_schema(books: Books) -> None:
    """Its statements do not know the column: its changes are counted by the trigger, its products by the audit."""
    await books.catalog.execute(OLD_UPDATE, (9, 1))
    assert await supplied(books.catalog) == [(9, 10)]
    await books.catalog.execute(
        "INSERT INTO products (seller_id, account_id, name, description, price, currency, stock)"
        " VALUES (2, 2, 'Ink', '', 5, 'EUR', 7)"
    )
    await books.post(books.ada, "/purchases", {"product_id": 2, "quantity": 2, "account_id": 1})
    await books.world.connection.execute("UPDATE purchases SET decided_at = decided_at - interval '1 hour'")
    assert await supplied(books.catalog) == [(9, 10), (5, None)]
    assert await books.audit() == {}
    assert await supplied(books.catalog) == [(9, 10), (5, 7)]


async def test_counting_neither_misses_a_change_nor_keeps_a_sale_waiting(shop: Shop, databases: dict[str, str]) -> None:
    """A change that commits while the count waits for its product leaves the product to the next audit."""
    assert await supplied(shop.catalog) == [(5, None)]
    async with await AsyncConnection.connect(databases["catalog"], autocommit=True) as counting:
        counting.cursor_factory = AsyncRawCursor
        async with shop.catalog.transaction():
            await shop.catalog.execute(OLD_UPDATE, (9, shop.product))
            count = asyncio.create_task(invariants.count_supplied(counting))
            async with asyncio.timeout(10):
                while not await shop.world.value(  # noqa: ASYNC110 - the server is asked
                    "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND pid = %s",
                    counting.info.backend_pid,
                ):
                    await asyncio.sleep(0.02)
        await count
        assert await supplied(shop.catalog) == [(9, None)]
        await invariants.count_supplied(counting)
    assert await supplied(shop.catalog) == [(9, 9)]
