"""Checked-out connections: each is listed with its operation, and one that is kept too long is logged."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.process.service import service_of
from repositories.postgres.checkouts import stack
from repositories.postgres.operation import Operation, running
from tests.harness.payments import order
from tests.harness.world import Person, World
from tests.repositories.postgres.pools.conftest import read_pool

PATIENCE_SECONDS = 60
TOO_LONG = "connection checked out too long"
RETURNED = "connection returned after the soft limit"


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return the logged lines of an event."""
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [line for line in logged if line["event"] == event]


async def test_a_request_that_waits_for_a_lock_is_listed_with_the_backend_that_blocks_it(
    client: httpx.AsyncClient, operator: Person, world: World
) -> None:
    """Its route, request id, statement and blocking backend are shown while it waits; afterwards the list is empty."""
    ada = await world.person("ada")
    payer, payee = await world.account(ada, minimum=None), await world.account(ada)
    blocker = world.connection.info.backend_pid
    async with world.connection.transaction():
        await world.connection.execute("SELECT FROM accounts FOR UPDATE")
        headers = ada.paying("k") | {"X-Request-Id": "waiting"}
        paying = asyncio.create_task(client.post("/transfers", json=order(payer, payee), headers=headers))
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not any(held["blocked_by"] for held in (await read_pool(client, operator))["holders"]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            [holder] = (await read_pool(client, operator))["holders"]
    assert (await paying).status_code in {201, 503}
    assert (holder["work"], holder["request_id"]) == ("POST /transfers", "waiting")
    assert (holder["statement"], holder["blocked_by"]) == ("main/accounts/lock_pair", [blocker])
    assert holder["state"] == "active"
    assert holder["wait_event"].startswith("Lock: ")
    assert holder["held_ms"] >= holder["statement_ms"] > 0
    after = await read_pool(client, operator)
    assert (after["holders"], after["in_use"]) == ([], 0)


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_a_leak_is_listed_and_logged(
    app: FastAPI, client: httpx.AsyncClient, operator: Person, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection past the soft limit is shown as overdue, logged once with its stack, and again when returned."""
    done = asyncio.Event()

    async def leak() -> None:
        with running(Operation("leak", "of-a-test")):
            async with service_of(app).pools["main"].checkout():
                await done.wait()

    leaking = asyncio.create_task(leak())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not lines(caplog, TOO_LONG):  # noqa: ASYNC110 - a log line is no event
            await asyncio.sleep(0.05)
    [line] = lines(caplog, TOO_LONG)
    assert (line["work"], line["request_id"], line["database"]) == ("leak", "of-a-test", "main")
    assert "await done.wait()" in line["stack"]
    [holder] = (await read_pool(client, operator))["holders"]
    assert (holder["work"], holder["overdue"]) == ("leak", True)
    assert holder["backend_pid"] == line["backend_pid"]
    assert not lines(caplog, RETURNED)
    done.set()
    await leaking
    [returned] = lines(caplog, RETURNED)
    assert (returned["work"], returned["backend_pid"]) == ("leak", line["backend_pid"])
    assert returned["held_ms"] >= line["held_ms"] > 450  # a timer may fire a moment early
    assert len(lines(caplog, TOO_LONG)) == 1
    assert (await read_pool(client, operator))["holders"] == []


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_a_connection_that_is_returned_in_time_is_not_logged(
    app: FastAPI, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The soft limit starts again with each checkout."""
    for _ in range(3):
        assert (await client.get("/posts")).status_code == 200
    await asyncio.sleep(1)
    assert not lines(caplog, TOO_LONG)
    assert len(service_of(app).pools["main"].checked_out) == 0


@pytest.mark.parametrize("soft_limit", [0.5])
async def test_a_connection_whose_task_has_ended_is_logged_as_never_returned(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """The stack is gone, but the operation is still known."""
    leaked = AsyncExitStack()

    async def check_out() -> None:
        with running(Operation("forgetful")):
            await leaked.enter_async_context(service_of(app).pools["main"].checkout())

    await asyncio.create_task(check_out())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not lines(caplog, TOO_LONG):  # noqa: ASYNC110 - a log line is no event
            await asyncio.sleep(0.05)
    [line] = lines(caplog, TOO_LONG)
    assert (line["work"], "has ended" in line["stack"]) == ("forgetful", True)
    await leaked.aclose()


async def test_a_stack_goes_down_to_the_innermost_await() -> None:
    """It follows every coroutine; asyncio's own Task.get_stack returns the outermost only."""
    here = asyncio.Event()

    async def inner() -> None:
        await here.wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    text = stack(task)
    assert text.index("await inner()") < text.index("await here.wait()")
    here.set()
    await task
