"""The metrics: each moves by what was done, and by nothing else."""

import asyncio
import re

import httpx
from fastapi import FastAPI
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from api.process.service import service_of
from repositories.ledger import orders
from repositories.postgres import metrics
from tests.harness import REPOSITORY
from tests.harness.expect import found, problem
from tests.harness.metrics import Scraper
from tests.harness.world import World

OPERATIONS = REPOSITORY / "docs" / "operations.md"


async def come_about(app: FastAPI, **stats: int) -> None:
    """Wait until the main pool stands so."""
    async with asyncio.timeout(60):
        while not stats.items() <= vars(service_of(app).pools["main"].stats()).items():  # noqa: ASYNC110 - the pool tells nobody
            await asyncio.sleep(0.01)


async def test_only_an_operator_reads_the_metrics(client: httpx.AsyncClient, world: World) -> None:
    """They say how the business goes."""
    ada = await world.person("ada")
    problem(await client.get("/metrics"), 401, "unauthorized")
    problem(await client.get("/metrics", headers=ada.headers), 403, "operator_required")


async def test_requests_are_counted_and_timed_by_route_and_status(client: httpx.AsyncClient, scraper: Scraper) -> None:
    """The route is the template, so that series are few; HEAD is a GET whose body is left out."""
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
        (8, {}),  # and the first look itself
    ):
        assert moved.by("folio_requests_total", **labels) == count, labels
    assert moved.by("folio_request_seconds_count", method="GET", route="/posts") == 3
    assert moved.by("folio_request_seconds_bucket", method="GET", route="/posts", le="+Inf") == 3
    assert 0 < moved.by("folio_request_seconds_sum", method="GET", route="/posts") < 60


async def test_no_client_makes_series_of_its_own(client: httpx.AsyncClient, scraper: Scraper) -> None:
    """Whatever path and method it asks for: paths that are none share a series, and so do methods that are none."""
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


async def test_a_request_that_was_never_answered_has_no_status(
    app: FastAPI, client: httpx.AsyncClient, scraper: Scraper
) -> None:
    """A shutdown ends what is still under way."""
    main = service_of(app).pools["main"]
    async with scraper.moves() as moved, asyncio.TaskGroup() as holding:
        leave = asyncio.Event()

        async def hold() -> None:
            async with main.checkout():
                await leave.wait()

        for _ in range(main.options.max_size):
            holding.create_task(hold())
        await come_about(app, in_use=main.options.max_size)
        asked = asyncio.create_task(client.get("/posts"))
        await come_about(app, waiting=1)
        asked.cancel()
        await asyncio.wait({asked})
        leave.set()
    assert moved.by("folio_requests_total", route="/posts", status="none") == 1


async def test_pools_are_shown_as_they_stand(app: FastAPI, client: httpx.AsyncClient, scraper: Scraper) -> None:
    """Who holds, who waits, who was refused or gave up, how long that took; each database apart, operations too."""
    main = service_of(app).pools["main"]
    async with scraper.moves() as moved:
        async with main.checkout():
            now = await scraper.read()
            for name, expected in (("in_use", 1), ("waiting", 0), ("max_size", main.options.max_size)):
                assert _gauge(now, name) == expected, name
            assert _gauge(now, "size") >= 1
            assert _gauge(now, "in_use", "catalog") == 0
        assert (await client.get("/posts")).status_code == 200
    assert moved.by("folio_pool_wait_seconds_count", database="main") == 2
    assert moved.by("folio_pool_hold_seconds_count", database="main") == 2
    assert moved.by("folio_pool_wait_seconds_count", database="main (operations)") == 2  # the second look, and `now`
    assert _gauge(moved.after, "in_use") == 0


def _gauge(text: str, name: str, database: str = "main") -> float:
    [value] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if (sample.name, sample.labels.get("database")) == (f"folio_pool_{name}", database)
    ]
    return value


async def test_what_an_audit_found_is_shown(client: httpx.AsyncClient, scraper: Scraper, world: World) -> None:
    """By check, with the time at which it ended; before the first one there is none."""
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
    """By the name that Prometheus knows, with its type and labels; and none that is not there."""
    row = re.compile(r"^\| `(folio_\w+)` \| (\w+) \| ([^|]*)\|", re.MULTILINE)
    listed = {
        name: (type_, set(re.findall(r"`(\w+)`", labels)))
        for name, type_, labels in row.findall(OPERATIONS.read_text())
    }
    there = {}
    for metric in (*vars(metrics).values(), orders.TRANSFERS):
        if isinstance(metric, MetricWrapperBase):
            name = metric._name + ("_total" if metric._type == "counter" else "")
            there[name] = (metric._type, set(metric._labelnames))
    found(await client.post("/ops/audit", headers=scraper.operator.headers))
    for family in text_string_to_metric_families(await scraper.read()):
        if family.name.startswith(("folio_purchases", "folio_audit")):
            there[family.name] = (family.type, set(family.samples[0].labels))
    assert listed == there
