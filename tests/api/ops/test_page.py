"""The operators' page over HTTP, and the status that it shows."""

import math
import re

import httpx
import pytest
from fastapi import FastAPI

from api.ops.page import FILES, FOLDER
from api.ops.status import histogram_quantile, slowest_routes
from api.process.readiness import Readiness
from api.process.service import service_of
from repositories.postgres.metrics import REQUESTS
from repositories.postgres.pools import Pool
from repositories.schema.migrations import migrations
from tests.harness.expect import found, problem
from tests.harness.world import Connection, World, a_product


async def test_the_page_and_its_files_are_served_without_a_key_under_a_strict_policy(
    client: httpx.AsyncClient,
) -> None:
    """Each file forbids third parties and inline script, is never stored, and refers only to files that exist."""
    page = await client.get("/ops")
    links = re.findall(r'(?:href|src)="(.*?)"', page.text)
    assert sorted(links) == ["ops/page/icon.svg", "ops/page/page.js", "ops/page/style.css"]
    imported = re.findall(r'from "\./(.*?)"', "".join(path.read_text() for path in FOLDER.glob("*.js")))
    for path in ("", *(f"/page/{name}" for name in {*FILES, *imported})):
        answer = await client.get(f"/ops{path}")
        assert answer.status_code == 200, path
        policy = answer.headers["Content-Security-Policy"]
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text), "the file refers to another host"
    assert (await client.head("/ops")).headers["Content-Type"] == "text/html; charset=utf-8"
    for name in ("__init__.py", "..", "nothing.js"):
        problem(await client.get(f"/ops/page/{name.replace('.', '%2e')}"), 404, "not_found")


async def test_the_status_is_for_operators_and_shows_versions_databases_and_routes(
    client: httpx.AsyncClient, world: World
) -> None:
    """Both databases have every migration; routes are sorted by their 95th percentile, the slowest first."""
    root, ada = await world.person("root", role="operator"), await world.person("ada")
    problem(await client.get("/ops/status"), 401, "unauthorized")
    problem(await client.get("/ops/status", headers=ada.headers), 403, "operator_required")
    before = requests("GET", "/users/{id}")
    for _ in range(3):
        found(await client.get(f"/users/{ada.id}"))
    assert requests("GET", "/users/{id}") == before + 3
    status = found(await client.get("/ops/status", headers=root.headers))
    assert (status["version"], status["python"].split(".")[0]) == ("0.1.0", "3")
    main, catalog = status["databases"]
    assert (main["database"], main["state"], main["pending"]) == ("main", "ready", [])
    assert (catalog["database"], catalog["state"], catalog["pending"]) == ("catalog", "ready", [])
    assert main["applied"][0]["name"] == "0001_users.sql"
    assert catalog["applied"][0]["name"] == "0001_products.sql"
    assert main["server_version"] == await world.value("SHOW server_version")
    slowest = status["slowest_routes"]
    assert status["traffic"]["requests"] >= sum(route["requests"] for route in slowest)
    assert 1 < len(slowest) <= 20
    assert [route["p95_ms"] for route in slowest] == sorted((route["p95_ms"] for route in slowest), reverse=True)
    assert status["purchases"] == {"pending": 0, "unconfirmed": 0, "oldest_seconds": 0, "oldest": []}


def requests(method: str, route: str) -> int:
    """Return the number of requests of a route."""
    return sum(row.requests for row in slowest_routes() if (row.method, row.route) == (method, route))


async def test_requests_and_their_errors_are_counted_for_each_route_and_in_all(
    client: httpx.AsyncClient, world: World
) -> None:
    """Only answers 5xx are errors."""
    root = await world.person("root", role="operator")
    before = found(await client.get("/ops/status", headers=root.headers))["traffic"]
    await client.get("/users/4711")
    for status in ("404", "503", "500"):
        REQUESTS.labels("GET", "/users/{id}", status).inc()
    after = found(await client.get("/ops/status", headers=root.headers))["traffic"]
    assert after["errors"] - before["errors"] == 2
    assert after["requests"] - before["requests"] >= 2
    assert [row.errors for row in slowest_routes() if (row.method, row.route) == ("GET", "/users/{id}")] >= [2]


async def test_unfinished_purchases_are_counted_and_the_oldest_listed(
    client: httpx.AsyncClient, world: World, catalog: Connection
) -> None:
    """The list has at most twenty, oldest first, each with the time of its last step; finished ones are left out."""
    root = await world.person("root", role="operator")
    payer, payee = await world.account(root, minimum=None), await world.account(root)
    product = await a_product(catalog, root, payee)
    await world.connection.execute(
        "INSERT INTO purchases (buyer_id, product_id, quantity, unit_price, amount, account_id, payee_account_id,"
        " leased_until, created_at, status, reason, decided_at, finished)"
        " SELECT %s, %s, 1, 10, 10, %s, %s, clock_timestamp() + '1 h', clock_timestamp() - n * interval '1 min',"
        " status, CASE status WHEN 'rejected' THEN 'out_of_stock' END,"
        " CASE status WHEN 'rejected' THEN clock_timestamp() END, finished FROM generate_series(1, 12) AS n,"
        " (VALUES ('pending', FALSE), ('rejected', FALSE), ('rejected', TRUE)) AS way (status, finished)",
        (root.id, product, payer, payee),
    )
    purchases = found(await client.get("/ops/status", headers=root.headers))["purchases"]
    assert (purchases["pending"], purchases["unconfirmed"]) == (12, 12)
    assert 720 <= purchases["oldest_seconds"] < 1500
    assert [purchase["status"] for purchase in purchases["oldest"]] == ["pending"] * 12 + ["rejected"] * 8
    assert [purchase["since"] for purchase in purchases["oldest"]] == sorted(
        purchase["since"] for purchase in purchases["oldest"]
    )


async def test_the_status_is_shown_with_the_catalog_away_and_the_pool_exhausted(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The state of the missing database is its error; the request takes no connection from the main pool."""
    root = await world.person("root", role="operator")
    pools = service_of(app).pools
    away = Pool("catalog", "host=127.0.0.1 port=1 dbname=away", pools["catalog"].options)
    monkeypatch.setattr(service_of(app), "readiness", Readiness({**pools, "catalog": away}))
    main = pools["main"]
    monkeypatch.setattr(main, "take", None)  # any checkout from the pool would fail
    status = found(await client.get("/ops/status", headers=root.headers))
    states = {database["database"]: database for database in status["databases"]}
    assert states["main"]["state"] == "ready"
    assert "cannot be reached" in states["catalog"]["state"]
    assert (states["catalog"]["server_version"], states["catalog"]["applied"]) == (None, [])


async def test_a_pending_migration_is_named(client: httpx.AsyncClient, world: World, catalog: Connection) -> None:
    """The state of a database with a pending migration names the migration; the status is complete otherwise."""
    root = await world.person("root", role="operator")
    last = migrations("catalog")[-1]
    await catalog.execute("DELETE FROM schema_migrations WHERE version = %s", (last.version,))
    status = found(await client.get("/ops/status", headers=root.headers))
    assert status["databases"][1]["pending"] == [last.name]
    assert status["databases"][1]["state"] == f"lacks 1 migration(s), from {last.name} on"


@pytest.mark.parametrize(
    ("counts", "p95"),
    [
        ({0.1: 100, 0.2: 100, math.inf: 100}, 0.095),
        ({0.1: 0, 0.2: 100, math.inf: 100}, 0.195),
        ({0.1: 90, 0.2: 100, math.inf: 100}, 0.15),
        ({0.1: 1, 0.2: 1, math.inf: 100}, 0.2),
        ({0.1: 1, 0.2: 1, math.inf: 1}, 0.095),
    ],
)
def test_a_quantile_is_estimated_as_prometheus_does(counts: dict[float, float], p95: float) -> None:
    """Values are spread evenly within a bucket; a quantile beyond the last finite bound is that bound."""
    assert histogram_quantile(counts, 0.95) == pytest.approx(p95)
