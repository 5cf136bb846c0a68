"""Faults of the server: stop, kill, terminated backends and no free connection."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.trial import NewTrial
    from tests.harness.servers import Server


POOLED = "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, 'folio serve ')"
LOST = ("database_unavailable", "outcome_unknown", "pool_exhausted")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_an_unavailable_server(server: Server, databases: dict[str, str], new_trial: NewTrial, end: str) -> None:
    """After a shutdown, and after SIGKILL and recovery, every acknowledged write is there."""

    @asynccontextmanager
    async def unavailable() -> AsyncIterator[None]:
        await asyncio.to_thread(getattr(server, end))
        try:
            yield
        finally:
            await asyncio.to_thread(server.start)

    name = {"stop": "server stopped and started", "kill": "server killed and started"}[end]
    (await new_trial(databases).run(name, unavailable(), seconds=4)).check(*LOST)


async def test_backends_that_are_terminated(server: Server, databases: dict[str, str], new_trial: NewTrial) -> None:
    """If all backends are terminated repeatedly, a request is retried on a new connection or answered 503."""

    @asynccontextmanager
    async def terminated() -> AsyncIterator[None]:
        with psycopg.connect(server.conninfo, autocommit=True) as administrator:
            killer = asyncio.create_task(terminate_repeatedly(administrator))
            yield
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)

    async def terminate_repeatedly(administrator: psycopg.Connection[Any]) -> None:
        while True:
            administrator.execute(f"SELECT pg_terminate_backend(pid) FROM ({POOLED}) AS folio")
            await asyncio.sleep(0.25)

    (await new_trial(databases).run("all backends terminated, every 0.25 s", terminated(), seconds=4)).check(*LOST)


async def test_a_server_without_a_free_connection(
    server: Server, databases: dict[str, str], new_trial: NewTrial
) -> None:
    """Other clients take every connection of the server, those of Folio's pools included."""

    @asynccontextmanager
    async def exhausted() -> AsyncIterator[None]:
        with ExitStack() as connections:
            administrator = connections.enter_context(psycopg.connect(server.conninfo, autocommit=True))
            while await asyncio.to_thread(take_one, connections) or administrator.execute(POOLED).fetchall():
                administrator.execute(f"SELECT pg_terminate_backend(pid) FROM ({POOLED}) AS folio")
            yield

    def take_one(connections: ExitStack) -> bool:
        try:
            connections.enter_context(psycopg.connect(server.conninfo, connect_timeout=10))
        except psycopg.OperationalError:
            return False
        return True

    (await new_trial(databases).run("every connection taken", exhausted(), seconds=4)).check(*LOST)
