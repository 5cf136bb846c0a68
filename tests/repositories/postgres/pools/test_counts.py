"""What the metrics count of pools: refusals, waits without end, connections held for too long, lost and replaced."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from api.process.settings import Settings
from repositories.postgres.pools import Database
from tests.harness.expect import problem
from tests.harness.metrics import Scraper
from tests.harness.proxy import Proxy, proxy
from tests.harness.world import World


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """The network between the application and the catalog."""
    async with proxy(served["catalog"]) as between:
        yield between


@pytest.fixture
def settings(settings: Settings, network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One connection for each database, one request that may wait for it, and a limit of 50 ms for holding it."""
    for name, value in {"MAX_SIZE": "1", "MAX_WAITING": "1", "SOFT_LIMIT": "0.05"}.items():
        monkeypatch.setenv(f"FOLIO_POOL_{name}", value)
    return settings.model_copy(update={"catalog_database_url": network.conninfo})


@pytest.fixture
def main(app: FastAPI) -> Database:
    database: Database = app.state.databases["main"]
    return database


async def come_about(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)


async def test_refusals_and_waits_without_end_are_counted(
    main: Database, client: httpx.AsyncClient, scraper: Scraper
) -> None:
    """One of two waits and gives up, the other is refused; the metrics are answered meanwhile."""
    async with main.checkout(), scraper.moves() as moved:
        main.options = replace(main.options, timeout=3.0)
        waiting = asyncio.create_task(client.get("/posts"))
        await come_about(lambda: main.stats().waiting == 1)
        problem(await client.get("/posts"), 503, "pool_exhausted")
        problem(await waiting, 503, "pool_exhausted")
        assert main.stats().waiting == 0, "who gave up does not wait"
    assert moved.by("folio_pool_refusals_total", database="main") == 1
    assert moved.by("folio_pool_timeouts_total", database="main") == 1
    assert moved.by("folio_pool_wait_seconds_count", database="main") == 2
    assert moved.by("folio_pool_wait_seconds_sum", database="main") >= 2.9
    assert moved.by("folio_requests_total", route="/posts", status="503") == 2


async def test_a_connection_that_is_held_for_too_long_is_counted_once(main: Database, scraper: Scraper) -> None:
    """While it is still held; one that is given back in time is not."""
    async with scraper.moves() as moved, main.checkout():
        await come_about(lambda: any(holder.overdue for holder in main.holders))
        async with scraper.moves() as later:
            await asyncio.sleep(0.2)  # nothing is to come about
    assert moved.by("folio_pool_overdue_total", database="main") == 1
    assert later.by("folio_pool_overdue_total", database="main") == 0
    assert moved.by("folio_pool_hold_seconds_count", database="main") == 1
    assert moved.by("folio_pool_hold_seconds_sum", database="main") >= 0.2


async def test_a_connection_that_was_lost_is_counted_and_so_is_its_successor(
    main: Database, client: httpx.AsyncClient, scraper: Scraper, world: World
) -> None:
    """The server ends it while somebody holds it."""
    async with scraper.moves() as moved:
        async with main.checkout() as checkout:
            pid = checkout.connection.info.backend_pid
            await world.connection.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
        assert (await client.get("/posts")).status_code == 200
    assert moved.by("folio_pool_bad_connections_total", database="main") == 1
    assert moved.by("folio_pool_reconnects_total", database="main") == 1
    assert moved.by("folio_pool_connects_total", database="main") == 1


async def test_attempts_to_connect_that_fail_are_counted(
    app: FastAPI, client: httpx.AsyncClient, scraper: Scraper, network: Proxy
) -> None:
    """For the database that is away, and no other; they end when it is back."""
    catalog = app.state.databases["catalog"]
    assert (await client.get("/products")).status_code == 200
    async with scraper.moves() as moved:
        await network.stop()
        catalog.options = replace(catalog.options, timeout=1.0)
        for _ in range(3):  # psycopg's queue keeps who gave up: with one it is full, and yet nobody waits
            problem(await client.get("/products"), 503, "database_unavailable")
        await come_about(lambda: catalog.stats().connect_errors > 0)
    assert moved.by("folio_pool_connect_errors_total", database="catalog") > 0
    assert moved.by("folio_pool_connect_errors_total", database="main") == 0
    await network.start()
    async with asyncio.timeout(60):
        while (await client.get("/products")).status_code != 200:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.1)
