"""Callers: a share of the connections and of the requests in flight for each, and 401 without a connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from api.process import callers
from api.process.callers import Callers
from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres.operation import Operation, running
from repositories.postgres.pools import Pool
from tests.harness.expect import found, operations, problem
from tests.harness.payments import order
from tests.harness.world import Person, World

pytestmark = pytest.mark.full_pool
SHARE = 2
"""Half of the four connections of a pool."""


def at(app: FastAPI, address: str) -> httpx.AsyncClient:
    """Return a client that sends from an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://folio")


@asynccontextmanager
async def busy(world: World, person: Person) -> AsyncIterator[int]:
    """Lock a new account of a person, so that transfers from it wait on their connections; yield its id."""
    account = await world.account(person, minimum=None)
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", (account,))
        yield account


async def checked_out(pool: Pool, count: int) -> None:
    async with asyncio.timeout(30):
        while len(pool.checked_out) < count:  # noqa: ASYNC110 - a pool has no event for it
            await asyncio.sleep(0.01)


async def test_a_caller_has_half_of_the_connections_at_once(app: FastAPI, world: World) -> None:
    """Its further requests wait for its own, whichever of its keys they use; every other caller is served meanwhile."""
    pool = service_of(app).pools["main"]
    ada, bob = await world.person("ada"), await world.person("bob")
    payee = await world.account(bob)
    async with at(app, "203.0.113.1") as client:
        for person in (ada, bob):
            found(await client.get("/users/me", headers=person.headers))
        second = found(await client.post("/users/me/api-keys", json={"name": "2"}, headers=ada.headers), 201)
        keys = [ada, Person(ada.id, "ada", second["api_key"])]
        found(await client.get("/users/me", headers=keys[1].headers))
        async with busy(world, ada) as payer:
            paying = [
                asyncio.create_task(
                    client.post("/transfers", json=order(payer, payee, 1), headers=keys[n % 2].paying())
                )
                for n in range(8)
            ]
            await checked_out(pool, SHARE)
            for _ in range(20):
                found(await client.get("/users/me", headers=bob.headers))
                found(await client.get("/posts"))
            assert len(pool.checked_out) == SHARE
        assert {answer.status_code for answer in await asyncio.gather(*paying)} == {201}
    assert len(pool._shares) == 0


async def test_an_address_without_a_key_is_one_caller(app: FastAPI, world: World) -> None:
    """Anonymous reads of one address have half of the connections; those of another address are served."""
    pool = service_of(app).pools["main"]
    async with at(app, "203.0.113.1") as one, at(app, "203.0.113.2") as other:
        async with world.connection.transaction():
            await world.connection.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
            reading = [asyncio.create_task(one.get("/posts")) for _ in range(8)]
            await checked_out(pool, SHARE)
            for _ in range(20):
                found(await other.get("/users"))
            assert len(pool.checked_out) == SHARE
        assert {answer.status_code for answer in await asyncio.gather(*reading)} == {200}


async def test_a_share_of_one_gives_a_caller_every_connection(
    application: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: with POOL_SHARE_PER_CALLER=1 the same requests take all connections."""
    monkeypatch.setenv("FOLIO_POOL_SHARE_PER_CALLER", "1")
    async with application.router.lifespan_context(application), at(application, "203.0.113.1") as one:
        async with world.connection.transaction():
            await world.connection.execute("LOCK TABLE posts IN ACCESS EXCLUSIVE MODE")
            reading = [asyncio.create_task(one.get("/posts")) for _ in range(8)]
            await checked_out(service_of(application).pools["main"], 4)
        await asyncio.gather(*reading)


async def test_a_wait_for_the_own_share_ends_with_the_checkout_timeout(
    application: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 pool_exhausted, and the place in the queue is free again."""
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "0.3")
    async with application.router.lifespan_context(application), AsyncExitStack() as stack:
        pool = service_of(application).pools["main"]
        client = await stack.enter_async_context(at(application, "203.0.113.1"))
        await pool._pool.wait(timeout=60)
        for _ in range(SHARE):
            with running(Operation("held", caller="203.0.113.1")):
                await stack.enter_async_context(pool.checkout())
        answers = await asyncio.gather(*(client.get("/posts") for _ in range(3)))
        assert {problem(answer, 503, "pool_exhausted")["detail"] for answer in answers} == {
            "All connections to the main database that one caller may have are in use."
        }
        assert not any(pool._shares._queues.values())


async def test_work_that_a_request_began_stays_within_the_share_of_its_caller(app: FastAPI) -> None:
    """A purchase or a leaving continues in the background, as the caller of its request."""
    service = service_of(app)
    seen = []

    async def work() -> None:
        async with service.pools["catalog"].checkout():
            seen.append(list(service.pools["catalog"]._shares._claims))

    with running(Operation("request", caller=7)):
        await service.background.run("work", work())
    assert seen == [[7]]


async def test_beyond_its_requests_in_flight_a_caller_is_429(app: FastAPI, settings: Settings, world: World) -> None:
    """429 too_many_requests with Retry-After; other callers and the health of the process are answered."""
    service_of(app).settings = settings.model_copy(update={"requests_per_caller": 3})
    pool = service_of(app).pools["main"]
    ada, bob = await world.person("ada"), await world.person("bob")
    async with at(app, "203.0.113.1") as client:
        for person in (ada, bob):
            found(await client.get("/users/me", headers=person.headers))
        async with busy(world, ada) as payer:
            headers = [ada.paying() for _ in range(3)]
            paying = [
                asyncio.create_task(client.post("/transfers", json=order(payer, payer + 1), headers=sent))
                for sent in headers
            ]
            await checked_out(pool, SHARE)
            refused = await client.get("/users/me", headers=ada.headers)
            problem(refused, 429, "too_many_requests")
            assert int(refused.headers["Retry-After"]) > 0
            for path in ("/livez", "/readyz"):
                found(await client.get(path, headers=ada.headers))
            found(await client.get("/users/me", headers=bob.headers))
            found(await client.get("/posts"))
        await asyncio.gather(*paying)
        found(await client.get("/users/me", headers=ada.headers))
        assert service_of(app).callers._in_flight == {}
        service_of(app).settings = settings.model_copy(update={"requests_per_caller": 0})
        answers = await asyncio.gather(*(client.get("/users/me", headers=ada.headers) for _ in range(150)))
        assert {answer.status_code for answer in answers} == {200}


async def test_without_a_key_a_request_is_401_without_a_connection(app: FastAPI, client: httpx.AsyncClient) -> None:
    """Every operation that needs a key refuses a missing or malformed one while all connections are in use."""
    pools = service_of(app).all_pools
    malformed = ("folio_", "folio_" + "x" * 42, "folio_" + "x" * 44, "folio_" + "x" * 42 + "+", "FOLIO_" + "x" * 43)
    closed = [operation for operation in operations(app) if operation.needs_key]
    assert len(closed) >= 20
    async with AsyncExitStack() as stack:
        for pool in pools:
            for _ in range(pool.options.max_size):
                await stack.enter_async_context(pool.checkout())
        before = [pool.checked_out.total for pool in pools]
        async with asyncio.timeout(25):
            for operation in closed:
                for headers in ({}, *({"Authorization": f"Bearer {key}"} for key in malformed)):
                    answer = await client.send(operation.request(client, headers=headers))
                    problem(answer, 401, "unauthorized")
                    assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert [pool.checked_out.total for pool in pools] == before
        assert [pool.stats().waiting for pool in pools] == [0] * len(pools)


def test_the_memory_of_callers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of keys and of addresses, those that were used least recently are forgotten."""
    monkeypatch.setattr(callers, "MAX_KEYS", 3)
    monkeypatch.setattr(callers, "MAX_ADDRESSES", 3)
    known = Callers()
    for number in range(10):
        known.remember(bytes([number]), number)
        known.remember(b"often", 99)
        known.block(f"203.0.113.{number}", 60)
    assert [number for number in range(10) if known.knows(bytes([number]))] == [8, 9]
    assert known.name(b"often", "203.0.113.1") == 99
    assert [n for n in range(10) if known.blocked_seconds(f"203.0.113.{n}")] == [7, 8, 9]
