"""Exhaustion: a full pool answers 503, operators still see it, and it recovers once the load ends."""

import asyncio
import random
import time
from dataclasses import replace
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from repositories.postgres.errors import PoolExhausted
from tests.harness.world import Person, World
from tests.repositories.postgres.pools.conftest import read_pool

CLIENTS = 1000
IDLE_SECONDS = 60.0
"""Deadline for the pools to become idle. A tenth of a second is usual; a leaked connection never comes back."""


async def is_idle(client: httpx.AsyncClient, operator: Person) -> bool:
    """Return True if no connection of either pool is checked out and no request waits for one."""
    pools = [await read_pool(client, operator, database) for database in ("main", "catalog")]
    return all(pool["in_use"] == 0 and pool["waiting"] == 0 for pool in pools)


async def become_idle(client: httpx.AsyncClient, operator: Person) -> None:
    """Wait until the pools are idle."""
    async with asyncio.timeout(IDLE_SECONDS):
        while not await is_idle(client, operator):  # noqa: ASYNC110 - as an operator sees it
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("timeout", [5])
async def test_a_full_pool_and_a_full_queue_answer_503_within_the_checkout_timeout(
    client: httpx.AsyncClient, app: FastAPI, operator: Person
) -> None:
    """503 pool_exhausted with Retry-After. /livez, /readyz and the operators' routes answer, and the pool recovers."""
    main = service_of(app).pools["main"]
    assert (await client.get("/readyz")).status_code == 200
    async with main.checkout(), main.checkout():
        started = time.monotonic()
        waiting = [asyncio.create_task(client.get("/posts")) for _ in range(6)]
        async with asyncio.timeout(4):
            while (await read_pool(client, operator))["refusals"] < 3:  # noqa: ASYNC110 - as an operator sees it
                await asyncio.sleep(0.05)
        full = await read_pool(client, operator)
        assert (full["in_use"], full["waiting"], full["max_waiting"]) == (2, 3, 3)
        for path in ("/livez", "/readyz", "/ops/pools", "/metrics"):
            assert (await client.get(path, headers=operator.headers)).status_code == 200, path
        received = await asyncio.gather(*waiting)
        assert time.monotonic() - started < 60
        assert {(answer.status_code, answer.json()["code"]) for answer in received} == {(503, "pool_exhausted")}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in received)
        assert not await is_idle(client, operator), "a leaked connection would be seen"
    after = await read_pool(client, operator)
    assert (after["timeouts"], after["refusals"]) == (3, 3)
    assert {answer.status_code for answer in await asyncio.gather(*(client.get("/posts") for _ in range(4)))} == {200}
    await become_idle(client, operator)


async def test_a_pool_whose_connections_change_hands_fast_is_exhausted_and_not_away(app: FastAPI) -> None:
    """A request that times out while others are served gets pool_exhausted, even if no connection is in use then."""
    main = service_of(app).pools["main"]
    async with main.checkout(), main.checkout():
        pass  # a busy machine takes longer to connect than a request waits below
    main.options = replace(main.options, max_waiting=500, timeout=1)
    main._pool.max_waiting = 500

    async def use_briefly() -> None:
        async with main.checkout():
            await asyncio.sleep(0.02)

    outcomes = await asyncio.gather(*(use_briefly() for _ in range(200)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert refused, "two connections serve about a hundred in a second"
    assert {type(outcome) for outcome in refused} == {PoolExhausted}


async def hang_up(address: str, request: bytes, start: float, moment: float) -> None:
    """Send a request after `start` seconds, and abort the connection `moment` seconds later."""
    await asyncio.sleep(start)
    url = urlsplit(address)
    _, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        writer.write(request)
        await asyncio.sleep(moment)
    finally:
        writer.transport.abort()


async def test_1000_clients_that_hang_up_leave_no_connection_checked_out(
    address: str, operator: Person, world: World, application: FastAPI
) -> None:
    """At whichever moment they hang up, no connection leaks, and the pools become idle."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    chance = random.Random(6)  # noqa: S311 - the same moments in every run

    def request(number: int) -> bytes:
        body = b'{"from_account_id": %d, "to_account_id": %d, "amount": 1}' % (payer, payee)
        key = f"Authorization: Bearer {ada.api_key}\r\nHost: folio\r\n".encode()
        if number % 2:
            return b"GET /posts HTTP/1.1\r\n" + key + b"\r\n"
        head = b"POST /transfers HTTP/1.1\r\nContent-Type: application/json\r\n" + key
        return head + b"Idempotency-Key: k%d\r\nContent-Length: %d\r\n\r\n" % (number, len(body)) + body

    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        for wave in range(0, CLIENTS, 100):
            leaving = (
                hang_up(address, request(number), chance.uniform(0, 0.3), chance.uniform(0, 0.3))
                for number in range(wave, wave + 100)
            )
            await asyncio.gather(*leaving)
        await become_idle(client, operator)
        main = service_of(application).pools["main"].stats()
        assert (main.size, main.in_use) <= (2, 0)
        assert {r.status_code for r in await asyncio.gather(*(client.get("/posts") for _ in range(2)))} == {200}
        audit = await client.post("/ops/audit", headers=operator.headers)
        assert audit.json()["ok"]
    assert await world.value("SELECT count(*) FROM transfers") > 0
