"""Operators read the routes that need no database while the main database is away."""

from collections.abc import AsyncIterator

import httpx
import pytest

from api.process import operators
from api.process.operators import Operators
from api.process.settings import Settings
from repositories.api_keys import Caller
from tests.harness.expect import found, problem
from tests.harness.proxy import Proxy, proxy
from tests.harness.world import World

PATHS = ("/metrics", "/ops/pools", "/ops/status")


@pytest.fixture
async def network(served: dict[str, str]) -> AsyncIterator[Proxy]:
    """The network in front of the main database."""
    async with proxy(served["main"]) as network:
        yield network


@pytest.fixture
def settings(settings: Settings, network: Proxy, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "2")
    return settings.model_copy(update={"main_database_url": network.conninfo, "key_cache_seconds": 0.0})


async def test_an_operator_whose_key_was_good_is_answered_while_main_is_away(
    client: httpx.AsyncClient, world: World, network: Proxy
) -> None:
    """Values of the database are left out. Other keys, and other routes, are 503 as before."""
    root, ada, late = [await world.person(name, role=role) for name, role in ROLES]
    before = {path: await client.get(path, headers=root.headers) for path in PATHS}
    assert "folio_purchases_unfinished" in before["/metrics"].text
    problem(await client.get("/metrics", headers=ada.headers), 403, "operator_required")
    await network.stop()
    away = {path: await client.get(path, headers=root.headers) for path in PATHS}
    assert [answer.status_code for answer in away.values()] == [200, 200, 200]
    assert "folio_pool_size" in away["/metrics"].text
    assert "folio_purchases_unfinished" not in away["/metrics"].text
    assert away["/ops/status"].json()["purchases"] is None
    assert [pool["database"] for pool in away["/ops/pools"].json()["pools"]] == ["main", "catalog"]
    for person in (ada, late):
        problem(await client.get("/metrics", headers=person.headers), 503, "database_unavailable")
    problem(await client.get("/ops/audit", headers=root.headers), 503, "database_unavailable")


ROLES = (("root", "operator"), ("ada", "member"), ("late", "operator"))


async def test_a_revoked_key_is_forgotten(client: httpx.AsyncClient, world: World, network: Proxy) -> None:
    """The database's word counts as long as it can be had."""
    root = await world.person("root", role="operator")
    found(await client.get("/ops/pools", headers=root.headers))
    await world.connection.execute("UPDATE api_keys SET revoked_at = now()")
    problem(await client.get("/ops/pools", headers=root.headers), 401, "unauthorized")
    await network.stop()
    problem(await client.get("/ops/pools", headers=root.headers), 503, "database_unavailable")


def test_keys_are_remembered_for_an_hour_and_in_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest keys of operators only."""
    root = Caller(1, "operator", read_only=False)
    remembered = Operators()
    for number in range(operators.MAX_REMEMBERED + 1):
        remembered.remember(f"key {number}".encode(), root)
    assert remembered.recall(b"key 0") is None
    assert remembered.recall(b"key 1") == root
    remembered.remember(b"member", Caller(2, "member", read_only=False))
    assert remembered.recall(b"member") is None
    monkeypatch.setattr(operators, "REMEMBERED_SECONDS", 0.0)
    remembered.remember(b"expired", root)
    assert remembered.recall(b"expired") is None
