"""Followers of real processes: hundreds of them, several workers, a restarted database, and a shutdown."""

import asyncio
import signal
import time

import httpx
import psycopg
import pytest

from tests.harness.launcher import PATIENCE
from tests.harness.payments import order
from tests.harness.processes import Service, service
from tests.harness.servers import new_server
from tests.harness.tail import Tail, resumed
from tests.harness.world import Person, World

MANY = 200
BATCHES = 8
DURABLE = {"max_connections": "100"}
"""Options of a server with PostgreSQL's default durability."""


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    urls = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in served.items()}
    return urls | {"FOLIO_AUDIT_INTERVAL": "0", "FOLIO_LOG_REQUESTS": "false"}


async def pay(folio: Service, payer: Person, orders: list[dict[str, object]], times: int) -> None:
    """Send a batch so many times, each until it is made."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{folio.port}", timeout=PATIENCE) as client:
        for _ in range(times):
            headers, deadline = payer.paying(), time.monotonic() + PATIENCE
            while (await send(client, orders, headers)) != 201:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)


async def send(client: httpx.AsyncClient, orders: list[dict[str, object]], headers: dict[str, str]) -> int:
    """Send a batch; return the status of its answer, or 0 without an answer."""
    try:
        return (await client.post("/transfers/batch", json={"transfers": orders}, headers=headers)).status_code
    except httpx.TransportError:
        return 0


async def test_400_followers_of_two_workers_miss_nothing(settings: dict[str, str], world: World) -> None:
    """200 follow one account, 200 one account each, and are killed at random while both are paid."""
    ada, bob = await world.person("ada"), await world.person("bob")
    source, hot = await world.account(ada, minimum=None), await world.account(ada)
    accounts = [await world.account(bob) for _ in range(MANY)]
    with service(settings, "--workers", "2") as folio:
        address = f"http://127.0.0.1:{folio.port}"
        tails = [Tail(address, hot, ada) for _ in range(MANY)]
        tails += [Tail(address, account, bob) for account in accounts]
        orders = [order(source, account, 1) for account in accounts] + [order(source, hot, 1)] * 10
        await resumed(
            tails, pay(folio, ada, orders, BATCHES), lambda tail: BATCHES * (10 if tail.account_id == hot else 1)
        )


async def test_a_restart_of_postgresql_hides_no_entry() -> None:
    """The stream goes on, or ends and is resumed: the server is killed between two payments, and starts again."""
    with new_server(DURABLE) as server:
        urls = {f"FOLIO_{name}_DATABASE_URL": server.conninfo for name in ("MAIN", "CATALOG")}
        with psycopg.connect(server.conninfo, autocommit=True) as admin:
            admin.execute("CREATE DATABASE catalog")
        urls["FOLIO_CATALOG_DATABASE_URL"] = psycopg.conninfo.make_conninfo(server.conninfo, dbname="catalog")
        with service(urls | {"FOLIO_MIGRATE_ON_START": "true"}, "--workers", "2") as folio:
            async with await psycopg.AsyncConnection.connect(server.conninfo, autocommit=True) as connection:
                world = World(connection)
                ada = await world.person("ada")
                source, account = await world.account(ada, minimum=None), await world.account(ada)
            tails = [Tail(f"http://127.0.0.1:{folio.port}", account, ada) for _ in range(20)]

            async def pay_and_restart() -> None:
                for end in (server.stop, server.kill):
                    await pay(folio, ada, [order(source, account, 1)], 5)
                    await asyncio.to_thread(end)
                    paying = asyncio.create_task(pay(folio, ada, [order(source, account, 1)] * 3, 1))
                    await asyncio.to_thread(server.start)
                    await paying

            await resumed(tails, pay_and_restart(), lambda _: 16)


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_shutdown_ends_waits_and_streams(settings: dict[str, str], world: World, workers: int) -> None:
    """At SIGTERM a wait is answered with an empty page, a stream ends with a retry, and the process ends in time."""
    ada = await world.person("ada")
    account = await world.account(ada)
    with service(settings, "--workers", str(workers)) as folio:
        tail = Tail(f"http://127.0.0.1:{folio.port}", account, ada)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{folio.port}", timeout=PATIENCE) as client:
            path = f"/accounts/{account}/entries?after_version=0&wait=30"
            streaming = asyncio.create_task(tail.read_stream())
            waiting = asyncio.create_task(client.get(path, headers=ada.headers))
            await tail.until(lambda: tail.retries)
            await world.fund(account, 1)
            await tail.until(lambda: tail.last == 1)
            assert (await waiting).json()["last_version"] == 1
            waiting = asyncio.create_task(client.get(path.replace("=0", "=1"), headers=ada.headers))
            await following(folio, world, 2)
            started = time.monotonic()
            assert await asyncio.to_thread(folio.end, signal.SIGTERM) == 0
            assert time.monotonic() - started < 9
            await streaming
            answer = await waiting
    assert (answer.status_code, answer.json()) == (200, {"items": [], "last_version": 1})
    assert len(tail.retries) == 2
    assert 1000 <= tail.retries[1] <= 3000


async def following(folio: Service, world: World, number: int) -> None:
    """Wait until so many requests follow."""
    root = await world.person("root", role="operator")
    deadline = time.monotonic() + PATIENCE
    while f"folio_followers {number}.0" not in folio.request("GET", "/metrics", root.api_key).text:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
