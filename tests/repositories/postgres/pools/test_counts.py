"""Metrics of the pools: refusals, timeouts, connections checked out for too long, lost and replaced connections."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres.pools import Pool
from tests.harness.expect import problem
from tests.harness.metrics import Scraper
from tests.harness.proxy import Proxy, proxy
from tests.harness.world import World


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """A proxy between the application and the catalog."""
    async with proxy(served["catalog"]) as between:
        yield between


@pytest.fixture
def settings(settings: Settings, network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """One connection for each database, one waiting request at most, and a soft limit of 50 ms."""
    for name, value in {"MAX_SIZE": "1", "MAX_WAITING": "1", "SOFT_LIMIT": "0.05"}.items():
        monkeypatch.setenv(f"FOLIO_POOL_{name}", value)
    return settings.model_copy(update={"catalog_database_url": network.conninfo})


@pytest.fixture
def main(app: FastAPI) -> Pool:
    pool: Pool = service_of(app).pools["main"]
    return pool


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the pool has no event for it
            await asyncio.sleep(0.01)


async def test_refusals_and_timeouts_are_counted(main: Pool, client: httpx.AsyncClient, scraper: Scraper) -> None:
    """One of two requests times out, the other is refused; GET /metrics answers meanwhile."""
    async with main.checkout(), scraper.moves() as moved:
        main.options = replace(main.options, timeout=3.0)
        waiting = asyncio.create_task(client.get("/posts"))
        await until(lambda: main.stats().waiting == 1)
        problem(await client.get("/posts"), 503, "pool_exhausted")
        problem(await waiting, 503, "pool_exhausted")
        assert main.stats().waiting == 0, "a request that timed out does not wait"
    assert moved.by("folio_pool_refusals_total", database="main") == 1
    assert moved.by("folio_pool_timeouts_total", database="main") == 1
    assert moved.by("folio_pool_wait_seconds_count", database="main") == 2
    assert moved.by("folio_pool_wait_seconds_sum", database="main") >= 2.9
    assert moved.by("folio_requests_total", route="/posts", status="503") == 2


async def test_a_connection_that_is_checked_out_for_too_long_is_counted_once(main: Pool, scraper: Scraper) -> None:
    """It is counted while it is still checked out, and not again later."""
    async with scraper.moves() as moved, main.checkout():
        await until(lambda: any(record.overdue for record in main.checked_out))
        async with scraper.moves() as later:
            await asyncio.sleep(0.2)  # nothing may happen
    assert moved.by("folio_pool_overdue_total", database="main") == 1
    assert later.by("folio_pool_overdue_total", database="main") == 0
    assert moved.by("folio_pool_hold_seconds_count", database="main") == 1
    assert moved.by("folio_pool_hold_seconds_sum", database="main") >= 0.2


async def test_a_lost_connection_and_its_replacement_are_counted(
    main: Pool, client: httpx.AsyncClient, scraper: Scraper, world: World
) -> None:
    """The server ends the connection while it is checked out."""
    async with scraper.moves() as moved:
        async with main.checkout() as checkout:
            pid = checkout.connection.info.backend_pid
            await world.connection.execute("SELECT pg_terminate_backend(%s, 60000)", (pid,))
        assert (await client.get("/posts")).status_code == 200
    assert moved.by("folio_pool_bad_connections_total", database="main") == 1
    assert moved.by("folio_pool_reconnects_total", database="main") == 1
    assert moved.by("folio_pool_connects_total", database="main") == 1


async def test_failed_attempts_to_connect_are_counted(
    app: FastAPI, client: httpx.AsyncClient, scraper: Scraper, network: Proxy
) -> None:
    """Only the database that is away counts them, and requests succeed again once it is back."""
    catalog = service_of(app).pools["catalog"]
    assert (await client.get("/products")).status_code == 200
    async with scraper.moves() as moved:
        await network.stop()
        catalog.options = replace(catalog.options, timeout=1.0)
        for _ in range(3):  # psycopg's queue keeps a request that gave up, so it is full although none waits
            problem(await client.get("/products"), 503, "database_unavailable")
        await until(lambda: catalog.stats().connect_errors > 0)
    assert moved.by("folio_pool_connect_errors_total", database="catalog") > 0
    assert moved.by("folio_pool_connect_errors_total", database="main") == 0
    await network.start()
    async with asyncio.timeout(60):
        while (await client.get("/products")).status_code != 200:  # noqa: ASYNC110 - the pool has no event for it
            await asyncio.sleep(0.1)


async def test_reading_the_statistics_changes_none_of_them(main: Pool, scraper: Scraper) -> None:
    """The pool takes psycopg's counters over once, however often the statistics are read."""
    async with scraper.moves() as moved:
        async with main.checkout():
            pass
        stats = main.stats()
        assert main.stats() == stats
    assert main.stats() == stats
    assert (stats.checkouts, stats.peak_in_use, stats.reconnects) == (1, 1, 0)
    assert stats.connects >= moved.by("folio_pool_connects_total", database="main")
