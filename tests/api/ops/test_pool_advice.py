"""Advice in /ops/pools: recommended pool sizes from the observations of the worker."""

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


async def read_pools(client: httpx.AsyncClient, world: World) -> dict[str, dict[str, Any]]:
    """Return the pools of /ops/pools, by database."""
    operator = await world.person("op", role="operator")
    answer = await client.get("/ops/pools", headers=operator.headers)
    assert answer.status_code == 200, answer.text
    return {pool["database"]: pool for pool in answer.json()["pools"]}


async def make_a_third_checkout_wait(pool: Pool) -> None:
    """Keep both connections checked out for long enough that a third checkout counts as a long wait."""

    async def check_out() -> None:
        async with pool.checkout():
            pass

    async with pool.checkout(), pool.checkout():
        third = asyncio.create_task(check_out())
        while not pool.stats().waiting:  # noqa: ASYNC110 - the pool has no event to await
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * advice.LONG_WAIT_SECONDS)  # the duration of the wait is the observation
    await third


async def test_a_fresh_pool_is_advised_from_cores_and_limits(client: httpx.AsyncClient, world: World) -> None:
    """Each pool has recommended sizes and a reason, without any observation."""
    for pool in (await read_pools(client, world)).values():
        assert pool["advice"]["max_size"] >= pool["advice"]["min_size"] >= 1
        assert "connections a core" in pool["advice"]["why"]
        assert "too few to judge by" in pool["advice"]["why"]


async def test_the_observations_of_a_pool_change_its_advice(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long waits and long checkouts raise the recommended size of that pool by one step, and of no other."""
    monkeypatch.setattr(advice, "MIN_CHECKOUTS", 12)
    for _ in range(4):  # enough that the checkouts of the jobs are a minority
        await make_a_third_checkout_wait(service_of(app).pools["main"])
    pools = await read_pools(client, world)
    assert "one step more" in pools["main"]["advice"]["why"]
    assert pools["main"]["advice"]["max_size"] > pools["main"]["max_size"]
    assert "one step more" not in pools["catalog"]["advice"]["why"]


async def test_the_peak_stays_when_connections_are_back(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """`peak_in_use` is the most since the worker started; `in_use` is the present number."""
    catalog = service_of(app).pools["catalog"]
    async with catalog.checkout(), catalog.checkout():
        pass
    async with catalog.checkout():
        pass
    pools = await read_pools(client, world)
    assert (pools["catalog"]["in_use"], pools["catalog"]["peak_in_use"]) == (0, 2)


async def test_without_a_server_there_is_no_advice(
    application: FastAPI, settings: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folio cannot know then whether the databases share a server; the pools are shown without advice."""
    monkeypatch.setenv("FOLIO_CATALOG_POOL_TIMEOUT", "1")
    nowhere = psycopg.conninfo.make_conninfo(settings.catalog_database_url or "", host="127.0.0.1", port=1)
    service_of(application).settings = settings.model_copy(update={"catalog_database_url": nowhere})
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=30) as client:
            pools = await read_pools(client, world)
    assert {name: pool["advice"] for name, pool in pools.items()} == {"main": None, "catalog": None}
