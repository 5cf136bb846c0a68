"""A synchronous standby that hangs costs writes of its database only, and a bounded number of connections."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg.conninfo import make_conninfo

from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import unit_of_work
from repositories.postgres.commits import Commits
from repositories.schema.databases import DATABASES, embedded_name
from tests.harness.expect import found
from tests.harness.launcher import PATIENCE
from tests.harness.payments import created, order
from tests.harness.servers import Embedded, hanging_commits, migrated_databases
from tests.harness.world import Person, World

POOL_SIZE = 4
CLIENTS = 12
MAX_READ_SECONDS = 2.0
HANG_SECONDS = 8.0
RETURN_SECONDS = 5.0
BACKENDS = "SELECT count(*) FROM pg_stat_activity WHERE starts_with(application_name, 'folio serve ') AND datname = %s"


@pytest.fixture
async def server() -> AsyncIterator[Embedded]:
    """A server of its own that may wait for standbys, with both databases."""
    server = await asyncio.to_thread(Embedded, {"fsync": "off", "max_connections": "100"})
    try:
        await migrated_databases(server.conninfo)
        yield server
    finally:
        server.remove()


async def test_a_standby_that_hangs_costs_writes_only(
    server: Embedded, application: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads succeed, writes are 503, the backends are bounded; afterwards writes succeed, each key once."""
    monkeypatch.setattr(unit_of_work, "COMMIT_TIMEOUT", 3.0)
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "2")
    monkeypatch.setenv("FOLIO_POOL_MAX_SIZE", str(POOL_SIZE))
    urls = {name: make_conninfo(server.conninfo, dbname=embedded_name(name)) for name in DATABASES}
    service_of(application).settings = settings.model_copy(
        update={f"{database}_database_url": url for database, url in urls.items()}
    )
    async with await psycopg.AsyncConnection.connect(urls["main"], autocommit=True) as connection:
        world = World(connection)
        people = [await world.person(f"person{number}") for number in range(CLIENTS)]
        bodies = [order(await world.account(one, minimum=None), await world.account(one)) for one in people]
    keys: dict[str, tuple[Person, dict[str, object]]] = {}
    counts: list[int] = []
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=60) as client:
            await asyncio.gather(*(client.get("/users/me", headers=one.headers) for one in people))
            async with hanging_commits(server.conninfo) as administrator:
                ends = asyncio.get_running_loop().time() + HANG_SECONDS

                async def write(person: Person, body: dict[str, object]) -> None:
                    while asyncio.get_running_loop().time() < ends:
                        headers = person.paying()
                        answer = await client.post("/transfers", json=body, headers=headers)
                        assert answer.status_code == 503, answer.text
                        if answer.json()["code"] == "outcome_unknown":
                            keys[headers["Idempotency-Key"]] = person, body
                        await asyncio.sleep(0.1)

                async def read(person: Person) -> None:
                    while asyncio.get_running_loop().time() < ends:
                        async with asyncio.timeout(MAX_READ_SECONDS):
                            found(await client.get("/accounts", headers=person.headers))
                        row = await (await administrator.execute(BACKENDS, [embedded_name("main")])).fetchone()
                        counts.append(row[0] if row else 0)
                        await asyncio.sleep(0.1)

                async with asyncio.TaskGroup() as group:
                    for person, body in zip(people, bodies, strict=True):
                        group.create_task(write(person, body))
                    group.create_task(read(people[0]))
            async with asyncio.timeout(RETURN_SECONDS):
                await created(client, bodies[0], people[0], None)
            async with asyncio.timeout(PATIENCE):
                for key, (person, body) in keys.items():
                    await created(client, body, person, key)
    assert keys, "some COMMIT was given up"
    assert max(counts) <= 2 * POOL_SIZE, counts
    async with await psycopg.AsyncConnection.connect(urls["main"], autocommit=True) as connection:
        query = "SELECT count(*) FROM idempotency_keys WHERE kind = 'transfer' AND key = ANY(%s)"
        assert await World(connection).value(query, list(keys)) == len(keys)
        doubled = "SELECT count(*) - count(DISTINCT resource_id) FROM idempotency_keys WHERE kind = 'transfer'"
        assert await World(connection).value(doubled) == 0


async def test_without_the_limit_backends_pile_up(
    server: Embedded, application: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: each COMMIT that is given up leaves one more backend, and reads starve."""
    monkeypatch.setattr(Commits, "begin", lambda self: setattr(self, "_units", self._units + 1))
    with pytest.raises((AssertionError, ExceptionGroup)):
        await test_a_standby_that_hangs_costs_writes_only(server, application, settings, monkeypatch)
