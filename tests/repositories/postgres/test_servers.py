"""What servers do to sessions: settings of their own, stale plans, standbys, freezes, and no connection left."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.accounts import AccountRepository
from repositories.postgres import connections, pools, unit_of_work
from repositories.postgres.statements import Connection
from tests.harness.expect import found, problem
from tests.harness.launcher import PATIENCE
from tests.harness.payments import order
from tests.harness.servers import Embedded, migrated_databases
from tests.harness.world import Person, World


async def alter(world: World, change: str) -> None:
    """Change a setting of the main database, for new sessions."""
    [name] = (await (await world.connection.execute("SELECT current_database()")).fetchone()) or ()
    await world.connection.execute(f'ALTER DATABASE "{name}" {change}'.encode())


@asynccontextmanager
async def opened(application: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Open the application's pools now; yield a client."""
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=60) as client:
            yield client


@pytest.mark.parametrize(
    "setting",
    [
        "DateStyle TO 'German, DMY'",
        "IntervalStyle TO 'iso_8601'",
        "client_encoding TO 'LATIN1'",
        "client_encoding TO 'SQL_ASCII'",
        "standard_conforming_strings TO off",
        "array_nulls TO off",
        "TimeZone TO 'Asia/Tokyo'",
    ],
)
async def test_settings_of_the_database_change_no_answer(setting: str, application: FastAPI, world: World) -> None:
    """Every session pins the forms of its values; text outside of Latin-1 is stored and read."""
    ada = await world.person("ada")
    accounts = await world.account(ada, minimum=None), await world.account(ada)
    await alter(world, f"SET {setting}")
    async with opened(application) as client:
        transfer = found(
            await client.post("/transfers", json=order(*accounts) | {"description": "Λ"}, headers=ada.paying()), 201
        )
        assert found(await client.get(f"/transfers/{transfer['id']}", headers=ada.headers))["description"] == "Λ"
        batch = {"transfers": [order(*accounts), order(*accounts) | {"description": "NULL"}]}
        items = found(await client.post("/transfers/batch", json=batch, headers=ada.paying()), 201)["items"]
        assert [item["description"] for item in items] == [None, "NULL"]
        created = datetime.fromisoformat(found(await client.get("/users/me", headers=ada.headers))["created_at"])
        assert abs((datetime.now(created.tzinfo) - created).total_seconds()) < PATIENCE
        found(await client.get("/readyz"))


async def test_a_limit_of_the_database_for_searches_cuts_no_result(application: FastAPI, world: World) -> None:
    """PostgreSQL would return a random part of what an index finds."""
    ada = await world.person("ada")
    posts = "INSERT INTO posts (author_id, title, content) SELECT %s, 't', 'word' FROM generate_series(1, 500)"
    await world.connection.execute(posts, (ada.id,))
    await world.connection.execute("VACUUM ANALYZE posts")  # moves new words into the index
    # Searches use the index of words even for so few posts.
    for setting in ("gin_fuzzy_search_limit TO 1", "enable_seqscan TO off", "enable_indexscan TO off"):
        await alter(world, f"SET {setting}")
    async with opened(application) as client:
        assert len(found(await client.get("/posts?q=word&limit=100"))["items"]) == 100


async def test_a_column_of_another_type_fails_no_request(app: FastAPI, client: httpx.AsyncClient, world: World) -> None:
    """Reads and units of work discard their stale statements and run once more (0A000)."""
    ada = await world.person("ada")
    limit = service_of(app).pools["main"].options.max_size

    async def use() -> None:
        for answer in await asyncio.gather(*(client.get("/users/me", headers=ada.headers) for _ in range(4 * limit))):
            found(answer)
        wanted = {"name": "More", "currency": "EUR"}
        orders = (client.post("/accounts", json=wanted, headers=ada.paying()) for _ in range(2 * limit))
        for answer in await asyncio.gather(*orders):
            found(answer, 201)

    await use()
    await world.connection.execute("ALTER TABLE users ALTER username TYPE varchar(80)")
    await world.connection.execute("ALTER TABLE accounts ALTER name TYPE varchar(80)")
    await use()


async def test_a_unit_of_work_with_a_stale_plan_runs_again_once(app: FastAPI, world: World) -> None:
    """Within a transaction a statement alone cannot be repeated: the unit is rolled back and runs again."""
    account = await world.account(await world.person("ada"))
    runs = []

    async def work(connection: Connection) -> str | None:
        runs.append(connection)
        row = await AccountRepository(connection).get(id=account)
        return None if row is None else row.name

    async with service_of(app).pools["main"].checkout() as checkout:
        assert await unit_of_work.run(checkout, work) == "test"
        await world.connection.execute("ALTER TABLE accounts ALTER name TYPE varchar(80)")
        assert await unit_of_work.run(checkout, work) == "test"
    assert len(runs) == 3


async def test_only_a_changed_plan_is_run_again(served: dict[str, str]) -> None:
    """Another error of the same class (0A000) is raised; the statement is not repeated."""
    async with connections.connect(served["main"], purpose="test") as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported) as caught:
            await connection.execute("SELECT count(*) FROM users FOR UPDATE")
        assert not connections.plan_changed(caught.value)


async def test_a_frozen_database_is_read_only_and_not_ready(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    """Units of work do not override default_transaction_read_only; its sessions are replaced once it is off."""
    ada = await world.person("ada")
    accounts = await world.account(ada, minimum=None), await world.account(ada)
    body = order(*accounts)
    found(await client.post("/transfers", json=body, headers=ada.paying()), 201)
    while service_of(app).pools["main"]._pool._growing:  # noqa: ASYNC110 - a session that starts is not terminated
        await asyncio.sleep(0.01)
    await alter(world, "SET default_transaction_read_only TO on")
    await terminate(world)
    problem(await client.post("/transfers", json=body, headers=ada.paying()), 503, "database_read_only")
    found(await client.get("/users/me", headers=ada.headers))
    assert "default_transaction_read_only" in problem(await client.get("/readyz"), 503, "not_ready")["detail"]
    await alter(world, "RESET default_transaction_read_only")
    async with asyncio.timeout(PATIENCE):
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for _ in range(service_of(app).pools["main"].options.max_size):
        found(await client.post("/transfers", json=body, headers=ada.paying()), 201)


async def test_connections_that_take_no_writes_are_replaced_without_a_probe(
    app: FastAPI, client: httpx.AsyncClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some time after they were opened; while the freeze lasts, a new connection is used as it is."""
    ada = await world.person("ada")
    body = {"title": "t", "content": "c"}
    await alter(world, "SET default_transaction_read_only TO on")
    await terminate(world)
    for _ in range(3):
        problem(await client.post("/posts", json=body, headers=ada.headers), 503, "database_read_only")
        found(await client.get("/users/me", headers=ada.headers))
    await alter(world, "RESET default_transaction_read_only")
    monkeypatch.setattr(pools, "READ_ONLY_SECONDS", 0.0)
    found(await client.post("/posts", json=body, headers=ada.headers), 201)


async def terminate(world: World) -> None:
    """End every session of the application."""
    await world.connection.execute(
        "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


async def test_a_server_without_connections_for_newcomers_is_ready_while_the_pool_works(
    application: FastAPI, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither readiness nor metrics need a new connection (53300); without any connection the process is not ready."""
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "2")
    root = await world.person("root", role="operator")
    async with opened(application) as client:
        await service_of(application).pools["main"]._pool.wait(timeout=60)
        found(await client.get("/users/me", headers=root.headers))
        await alter(world, "CONNECTION LIMIT 0")
        found(await client.get("/readyz"))
        metrics = await client.get("/metrics", headers=root.headers)
        assert (metrics.status_code, "folio_pool_size" in metrics.text) == (200, True)
        await terminate(world)
        service_of(application).readiness._checked_at = float("-inf")
        assert "too many connections" in problem(await client.get("/readyz"), 503, "not_ready")["detail"]


@pytest.fixture
def turning() -> Iterator[Embedded]:
    """A server of its own that a test turns into a standby."""
    server = Embedded({})
    try:
        yield server
    finally:
        server.remove()


async def test_a_standby_is_read_only_and_not_ready_until_it_is_promoted(
    turning: Embedded, application: FastAPI, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer has code `database_error`; `/readyz` names the standby; after the promotion transfers succeed again."""
    conninfos = await migrated_databases(turning.conninfo)
    ada, body = await payment(conninfos["main"])
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "2")
    service_of(application).settings = settings.model_copy(
        update={f"{database}_database_url": conninfo for database, conninfo in conninfos.items()}
    )
    async with opened(application) as client:
        found(await client.post("/transfers", json=body, headers=ada.paying()), 201)
        await asyncio.to_thread(turn, turning)
        for _ in range(3):
            problem(await client.post("/transfers", json=body, headers=ada.paying()), 503, "database_read_only")
        assert "standby" in problem(await client.get("/readyz"), 503, "not_ready")["detail"]
        async with await psycopg.AsyncConnection.connect(turning.conninfo, autocommit=True) as admin:
            await admin.execute("SELECT pg_promote()")
        async with asyncio.timeout(PATIENCE):
            while (answer := await client.post("/transfers", json=body, headers=ada.paying())).status_code != 201:
                assert answer.json()["code"] in {"database_read_only", "database_unavailable"}
        service_of(application).readiness._checked_at = float("-inf")
        found(await client.get("/readyz"))


async def payment(conninfo: str) -> tuple[Person, dict[str, object]]:
    """Return a person and the body of a transfer."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        world = World(connection)
        ada = await world.person("ada")
        return ada, order(await world.account(ada, minimum=None), await world.account(ada))


def turn(server: Embedded) -> None:
    """Restart a server as a standby that waits for a primary."""
    server.stop()
    signal = server.cluster / "standby.signal"
    signal.touch()
    owner = server.cluster.stat()
    os.chown(signal, owner.st_uid, owner.st_gid)
    server.start()


def test_a_url_may_name_another_role_of_the_server() -> None:
    """Libpq's target_session_attrs is `primary`, unless the URL has its own."""
    assert connections.parameters("host=a,b", "serve")["target_session_attrs"] == "primary"
    own = connections.parameters("postgresql://a,b/d?target_session_attrs=read-write", "serve")
    assert own["target_session_attrs"] == "read-write"
