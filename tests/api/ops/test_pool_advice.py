"""Advice under /ops/pools: what the sizes should be, from what the worker has seen."""

import asyncio
from typing import Any

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.doctor import advice
from repositories.postgres.pools import Pool
from tests.harness.world import World


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Pools of two."""
    monkeypatch.setenv("FOLIO_POOL_MAX_SIZE", "2")
    return settings


async def look(client: httpx.AsyncClient, world: World) -> dict[str, dict[str, Any]]:
    """Return what an operator sees, by database."""
    operator = await world.person("op", role="operator")
    answer = await client.get("/ops/pools", headers=operator.headers)
    assert answer.status_code == 200, answer.text
    return {pool["database"]: pool for pool in answer.json()["pools"]}


async def hold_both_while_a_third_waits(database: Pool) -> None:
    """Let somebody wait for longer than clients bear, for connections that are held longer than work takes."""

    async def hold() -> None:
        async with database.checkout():
            pass

    async with database.checkout(), database.checkout():
        third = asyncio.create_task(hold())
        while not database.stats().waiting:  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * advice.LONG_WAIT_SECONDS)  # the wait itself is what is measured
    await third


async def test_a_fresh_pool_is_advised_from_cores_and_limits(client: httpx.AsyncClient, world: World) -> None:
    """Each pool has sizes and a reason; nothing was seen yet."""
    for pool in (await look(client, world)).values():
        assert pool["advice"]["max_size"] >= pool["advice"]["min_size"] >= 1
        assert "connections a core" in pool["advice"]["why"]
        assert "too few to judge by" in pool["advice"]["why"]


async def test_what_a_pool_has_seen_changes_its_advice(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long waits for connections that are held long: one step more, for that pool alone."""
    monkeypatch.setattr(advice, "MIN_CHECKOUTS", 12)
    for _ in range(4):  # more often than the workers look by the way
        await hold_both_while_a_third_waits(service_of(app).pools["main"])
    pools = await look(client, world)
    assert "one step more" in pools["main"]["advice"]["why"]
    assert pools["main"]["advice"]["max_size"] > pools["main"]["max_size"]
    assert "one step more" not in pools["catalog"]["advice"]["why"]


async def test_the_peak_stays_when_connections_are_back(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """How many were in use at once, since the worker started."""
    catalog = service_of(app).pools["catalog"]
    async with catalog.checkout(), catalog.checkout():
        pass
    async with catalog.checkout():
        pass
    pools = await look(client, world)
    assert (pools["catalog"]["in_use"], pools["catalog"]["peak_in_use"]) == (0, 2)


async def test_without_a_server_there_is_no_advice(
    application: FastAPI, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the two share one is not known then; the pools are shown all the same."""
    monkeypatch.setenv("FOLIO_CATALOG_POOL_TIMEOUT", "1")
    nowhere = psycopg.conninfo.make_conninfo(settings.catalog_database_url or "", host="127.0.0.1", port=1)
    service_of(application).settings = settings.model_copy(update={"catalog_database_url": nowhere})
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=30) as client:
            pools = await look(client, world)
    assert {name: pool["advice"] for name, pool in pools.items()} == {"main": None, "catalog": None}
