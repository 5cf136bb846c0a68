"""Waits: connections that a restart ended are noticed, and deadlines bound every wait."""

import asyncio
import os
from contextlib import AsyncExitStack

import httpx
import psycopg
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import connections, pools
from repositories.postgres.pools import Pool
from tests.harness.proxy import proxy
from tests.harness.world import World


async def test_connections_ended_by_the_server_are_not_handed_out(
    app: FastAPI, client: httpx.AsyncClient, world: World
) -> None:
    """After pg_terminate_backend of every pooled connection, the next request succeeds."""
    assert (await client.get("/posts")).status_code == 200
    cursor = await world.connection.execute(
        "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    ended = {pid for pid, _ in await cursor.fetchall()}
    assert ended
    pooled = service_of(app).pools["main"]._pool._pool
    async with asyncio.timeout(60):
        # The server's farewell takes a moment to arrive. Connections that the pool has opened since then get none.
        while not all(connections.hung_up(one) or one.info.backend_pid not in ended for one in pooled):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
    assert (await client.get("/posts")).status_code == 200


async def test_every_budget_is_set_on_every_connection(app: FastAPI) -> None:
    """The server has the budgets of `connections`, and the name of the service and worker."""
    async with service_of(app).pools["main"].checkout() as checkout:
        cursor = await checkout.connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout',"
            " 'idle_in_transaction_session_timeout', 'transaction_timeout', 'TimeZone', 'application_name')"
        )
        settings: dict[str, str] = dict(await cursor.fetchall())
        version = checkout.connection.info.server_version
    expected = {
        "statement_timeout": "5000",
        "lock_timeout": "2000",
        "idle_in_transaction_session_timeout": "10000",
        "TimeZone": "GMT",
        "application_name": f"folio serve {os.getpid()}",
    }
    if version >= 170000:
        expected["transaction_timeout"] = "15000"
    assert settings == expected


async def test_a_row_that_stays_locked_is_a_503(client: httpx.AsyncClient, world: World) -> None:
    """503 lock_timeout; nothing was written, and a retry succeeds."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = {"from_account_id": payer, "to_account_id": payee, "amount": 1}
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        answer = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert (answer.status_code, answer.json()["code"]) == (503, "lock_timeout")
    assert (await client.post("/transfers", json=body, headers=ada.paying("k"))).status_code == 201


async def test_the_deadline_answers_while_the_database_is_slow(
    app: FastAPI, client: httpx.AsyncClient, settings: Settings, world: World
) -> None:
    """503 deadline_exceeded in time, however slow the statement is; nothing is written, and the pool recovers."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    body = {"from_account_id": payer, "to_account_id": payee, "amount": 1}
    # Open a connection before time is short, and let only the deadline end its wait.
    async with service_of(app).pools["main"].checkout() as checkout:
        await checkout.connection.execute(
            "SELECT set_config(name, '60s', false) FROM pg_settings"
            " WHERE name IN ('lock_timeout', 'statement_timeout', 'transaction_timeout')"
        )
    service_of(app).settings = settings.model_copy(update={"request_timeout": 1})
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        answer = await client.post("/transfers", json=body, headers=ada.paying("k"))
    assert (answer.status_code, answer.json()["code"]) == (503, "deadline_exceeded")
    assert await world.value("SELECT count(*) FROM transfers") == 0
    service_of(app).settings = settings
    assert (await client.get("/posts")).status_code == 200


async def test_readiness_names_the_database_that_is_not_ready_and_the_reason(
    client: httpx.AsyncClient, catalog: psycopg.AsyncConnection[psycopg.rows.TupleRow]
) -> None:
    """That includes an error after connecting: here, a lock on the table that readiness reads."""
    async with catalog.transaction():
        await catalog.execute("LOCK TABLE schema_migrations IN ACCESS EXCLUSIVE MODE")
        ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
    assert ready.json()["databases"]["main"] == "ready"
    assert "locked" in ready.json()["databases"]["catalog"]


@pytest.mark.parametrize("timeout", [5])
async def test_a_database_that_is_away_is_a_503(application: FastAPI, settings: Settings) -> None:
    """503 database_unavailable within the checkout timeout; alive, but not ready."""
    nowhere = psycopg.conninfo.make_conninfo(settings.main_database_url or "", host="127.0.0.1", port=1)
    service_of(application).settings = settings.model_copy(update={"main_database_url": nowhere})
    async with application.router.lifespan_context(application):
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=30) as client:
            answer = await client.get("/posts")
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert (await client.get("/livez")).status_code == 200
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["code"]) == (503, "not_ready")
            assert ready.json()["databases"]["catalog"] == "ready"


async def test_a_connection_to_a_silent_server_is_closed(
    databases: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If bytes are acknowledged and lost, nothing else ends the wait; another connection replaces it."""
    monkeypatch.setattr(connections, "ANSWER_TIMEOUT", 3.0)
    async with proxy(databases["main"]) as between, AsyncExitStack() as stack:
        pool = Pool("main", between.conninfo, settings.pool("main"))
        await pool.open()
        stack.push_async_callback(pool.close)
        async with pool.checkout() as checkout:
            between.swallowing = True
            with pytest.raises(psycopg.OperationalError):
                async with asyncio.timeout(60):
                    await checkout.connection.execute("SELECT 1")
            between.swallowing = False
            await checkout.renew()
            await checkout.connection.execute("SELECT 1")


async def test_a_waiting_request_gets_a_connection_when_the_server_is_back(
    databases: dict[str, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the server was away, and even if no other request follows."""
    monkeypatch.setattr(pools, "RECONNECT_TIMEOUT", 0.1)
    async with proxy(databases["main"]) as between, AsyncExitStack() as stack:
        await between.stop()
        pool = Pool("main", between.conninfo, settings.pool("main"))
        await pool.open()
        stack.push_async_callback(pool.close)
        waiting = asyncio.create_task(stack.enter_async_context(pool.checkout()))
        async with asyncio.timeout(60):
            # More attempts than the pool makes when it is opened and when a request begins to wait.
            while pool._pool.get_stats().get("connections_errors", 0) < 10:  # noqa: ASYNC110 - psycopg's counter
                await asyncio.sleep(0.1)
        await between.start()
        assert (await waiting).connection
