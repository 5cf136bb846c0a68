"""Holders: everybody who has a connection is known, and one who keeps it is named."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from repositories.postgres.holders import stack
from repositories.postgres.operation import Operation, running
from tests.harness.payments import order
from tests.harness.world import Person, World
from tests.repositories.postgres.pools.conftest import look

PATIENCE = 60


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return what was logged of an event."""
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in logged if line["event"] == event]


async def test_a_request_that_waits_for_a_lock_is_known_with_whom_it_waits_for(
    client: httpx.AsyncClient, operator: Person, world: World
) -> None:
    """Its route, request id, backend, statement and who blocks it, while it waits; nobody afterwards."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    blocker = world.connection.info.backend_pid
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        headers = ada.paying("k") | {"X-Request-Id": "waiting"}
        paying = asyncio.create_task(client.post("/transfers", json=order(payer, payee), headers=headers))
        async with asyncio.timeout(PATIENCE):
            while not any(held["blocked_by"] for held in (await look(client, operator))["holders"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            [holder] = (await look(client, operator))["holders"]
    assert (await paying).status_code in {201, 503}
    assert (holder["work"], holder["request_id"]) == ("POST /transfers", "waiting")
    assert (holder["statement"], holder["blocked_by"]) == ("main/accounts/lock", [blocker])
    assert holder["state"] == "active"
    assert holder["wait_event"].startswith("Lock: ")
    assert holder["held_ms"] >= holder["statement_ms"] > 0
    after = await look(client, operator)
    assert (after["holders"], after["in_use"]) == ([], 0)


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_a_leak_is_found_and_named(
    app: FastAPI, client: httpx.AsyncClient, operator: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that is kept is overdue: shown, and logged once with where it is kept and once when it is back."""
    enough = asyncio.Event()

    async def keep_a_connection() -> None:
        with running(Operation("leak", "of-a-test")):
            async with service_of(app).pools["main"].checkout():
                await enough.wait()

    keeping = asyncio.create_task(keep_a_connection())
    async with asyncio.timeout(PATIENCE):
        while not lines(caplog, "overdue connection"):  # noqa: ASYNC110 - a log line is no event
            await asyncio.sleep(0.05)
    [line] = lines(caplog, "overdue connection")
    assert (line["work"], line["request_id"], line["database"]) == ("leak", "of-a-test", "main")
    assert "await enough.wait()" in line["stack"]
    [holder] = (await look(client, operator))["holders"]
    assert (holder["work"], holder["overdue"]) == ("leak", True)
    assert holder["backend_pid"] == line["backend_pid"]
    assert not lines(caplog, "overdue connection given back")
    enough.set()
    await keeping
    [back] = lines(caplog, "overdue connection given back")
    assert (back["work"], back["backend_pid"]) == ("leak", line["backend_pid"])
    assert back["held_ms"] >= line["held_ms"] > 450  # a timer may ring a moment early
    assert len(lines(caplog, "overdue connection")) == 1
    assert (await look(client, operator))["holders"] == []


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_who_gives_back_in_time_is_not_logged(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The clock runs for each checkout anew."""
    for _ in range(3):
        assert (await client.get("/posts")).status_code == 200
    await asyncio.sleep(1)
    assert not lines(caplog, "overdue connection")
    assert len(service_of(app).pools["main"].holders) == 0


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_a_connection_whose_task_has_ended_is_named_as_never_given_back(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """There is no stack any more; who took it is still known."""
    kept = AsyncExitStack()

    async def take() -> None:
        with running(Operation("forgetful")):
            await kept.enter_async_context(service_of(app).pools["main"].checkout())

    await asyncio.create_task(take())
    async with asyncio.timeout(PATIENCE):
        while not lines(caplog, "overdue connection"):  # noqa: ASYNC110 - a log line is no event
            await asyncio.sleep(0.05)
    [line] = lines(caplog, "overdue connection")
    assert (line["work"], "has ended" in line["stack"]) == ("forgetful", True)
    await kept.aclose()


async def test_a_stack_goes_down_to_the_innermost_await() -> None:
    """Through coroutines; asyncio's own sees the outermost only."""
    here = asyncio.Event()

    async def inner() -> None:
        await here.wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    found = stack(task)
    assert found.index("await inner()") < found.index("await here.wait()")
    here.set()
    await task
