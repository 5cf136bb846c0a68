"""The metrics: each counts its own events and no others."""

import asyncio
import re

import httpx
from fastapi import FastAPI
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from api.process.service import service_of
from tests.harness import REPOSITORY
from tests.harness.expect import found, problem
from tests.harness.metrics import Scraper
from tests.harness.world import World

OPERATIONS = REPOSITORY / "docs" / "operations.md"


async def pool_has(app: FastAPI, **stats: int) -> None:
    """Wait until the main pool has these statistics."""
    async with asyncio.timeout(60):
        while not stats.items() <= vars(service_of(app).pools["main"].stats()).items():  # noqa: ASYNC110 - the pool has no event to await
            await asyncio.sleep(0.01)


async def test_only_an_operator_reads_the_metrics(client: httpx.AsyncClient, world: World) -> None:
    """Metrics show the volume of business: without a key 401, with a member's key 403."""
    ada = await world.person("ada")
    problem(await client.get("/metrics"), 401, "unauthorized")
    problem(await client.get("/metrics", headers=ada.headers), 403, "operator_required")


async def test_requests_are_counted_and_timed_by_route_and_status(client: httpx.AsyncClient, scraper: Scraper) -> None:
    """The route is the path's template, so that series are few; HEAD counts as GET."""
    async with scraper.moves() as moved:
        for path in ("/posts", "/posts?q=a", "/posts/1", "/posts/2", "/posts/x"):
            await client.get(path)
        await client.head("/posts")
        await client.post("/posts", json={})
    for count, labels in (
        (3, {"method": "GET", "route": "/posts", "status": "200"}),
        (2, {"method": "GET", "route": "/posts/{id}", "status": "404"}),
        (1, {"method": "GET", "route": "/posts/{id}", "status": "422"}),
        (1, {"method": "POST", "route": "/posts", "status": "401"}),
        (8, {}),  # and the first scrape
    ):
        assert moved.by("folio_requests_total", **labels) == count, labels
    assert moved.by("folio_request_seconds_count", method="GET", route="/posts") == 3
    assert moved.by("folio_request_seconds_bucket", method="GET", route="/posts", le="+Inf") == 3
    assert 0 < moved.by("folio_request_seconds_sum", method="GET", route="/posts") < 60


async def test_clients_cannot_create_series(client: httpx.AsyncClient, scraper: Scraper) -> None:
    """All unknown paths share one series, and so do all unknown methods."""
    async with scraper.moves() as moved:
        for number in range(5):
            await client.get(f"/nowhere/{number}")
            await client.request(f"BREW{number}", "/posts")
            await client.request(f"BREW{number}", f"/nowhere/{number}")
    assert moved.by("folio_requests_total", method="GET", route="", status="404") == 5
    assert moved.by("folio_requests_total", method="other", route="/posts", status="405") == 5
    assert moved.by("folio_requests_total", method="other", route="", status="404") == 5
    assert "nowhere" not in moved.after
    assert "BREW" not in moved.after


async def test_a_request_that_is_cancelled_is_counted_with_its_answer(
    app: FastAPI, client: httpx.AsyncClient, scraper: Scraper
) -> None:
    """A shutdown that cancels a request in flight answers it: 503."""
    main = service_of(app).pools["main"]
    async with scraper.moves() as moved, asyncio.TaskGroup() as checkouts:
        release = asyncio.Event()

        async def check_out() -> None:
            async with main.checkout():
                await release.wait()

        for _ in range(main.options.max_size):
            checkouts.create_task(check_out())
        await pool_has(app, in_use=main.options.max_size)
        request = asyncio.create_task(client.get("/posts"))
        await pool_has(app, waiting=1)
        request.cancel()
        await asyncio.wait({request})
        release.set()
    assert moved.by("folio_requests_total", route="/posts", status="503") == 1


async def test_pools_are_shown_with_their_present_state(
    app: FastAPI, client: httpx.AsyncClient, scraper: Scraper
) -> None:
    """Each pool has its own series, the pools of operators included: connections in use, waits and checkouts."""
    main = service_of(app).pools["main"]
    async with scraper.moves() as moved:
        async with main.checkout():
            during = await scraper.read()
            for name, expected in (("in_use", 1), ("waiting", 0), ("max_size", main.options.max_size)):
                assert _gauge(during, name) == expected, name
            assert _gauge(during, "size") >= 1
            assert _gauge(during, "in_use", "catalog") == 0
        assert (await client.get("/posts")).status_code == 200
    assert moved.by("folio_pool_wait_seconds_count", database="main") == 2
    assert moved.by("folio_pool_hold_seconds_count", database="main") == 2
    assert moved.by("folio_pool_wait_seconds_count", database="main (operations)") == 2  # the last scrape, and `during`
    assert _gauge(moved.after, "in_use") == 0


def _gauge(text: str, name: str, database: str = "main") -> float:
    [value] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels.get("database")) == (f"folio_pool_{name}", database)
    ]
    return value


async def test_the_last_audit_is_shown_by_check(client: httpx.AsyncClient, scraper: Scraper, world: World) -> None:
    """Each check has its violations, and the audit the time at which it ended; before the first audit there is none."""
    account = await world.account(scraper.operator)
    assert "folio_audit_violations" not in await scraper.read()
    async with scraper.moves() as moved:
        found(await client.post("/ops/audit", headers=scraper.operator.headers))
    assert 'folio_audit_violations{check="main/balance"} 0.0' in moved.after
    await world.connection.execute("UPDATE accounts SET balance = 5 WHERE id = %s", (account,))
    async with scraper.moves() as later:
        found(await client.post("/ops/audit", headers=scraper.operator.headers))
    assert later.by("folio_audit_violations", check="main/balance") == 1
    assert later.by("folio_audit_violations") == 1
    assert 0 < later.by("folio_audit_finished_timestamp_seconds") < 60


async def test_the_documentation_lists_every_metric(client: httpx.AsyncClient, scraper: Scraper, world: World) -> None:
    """The table in docs/operations.md has exactly the metrics that /metrics shows, with their types and labels."""
    row = re.compile(r"^\| `(folio_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
    documented = {
        name: (type_, set(re.findall(r"`(\w+)`", labels)))
        for name, type_, labels in row.findall(OPERATIONS.read_text())
    }
    exported = {}
    for metric in REGISTRY._collector_to_names:
        if isinstance(metric, MetricWrapperBase) and metric._name.startswith("folio_"):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            exported[name] = (metric._type, set(metric._labelnames))
    found(await client.post("/ops/audit", headers=scraper.operator.headers))
    for family in text_string_to_metric_families(await scraper.read()):
        if family.name.startswith(("folio_purchases", "folio_audit")):
            exported[family.name] = (family.type, set(family.samples[0].labels))
    assert documented == exported
