"""The server itself: stopped, killed, its backends ended, its connections taken by others."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.faults.trial import Trial
    from tests.harness.servers import Server

    Trials = Callable[..., Trial]

POOLED = "SELECT pid FROM pg_stat_activity WHERE starts_with(application_name, 'folio serve ')"
LOST = ("database_unavailable", "outcome_unknown", "pool_exhausted")


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_a_server_that_is_away(server: Server, databases: dict[str, str], trial: Trials, end: str) -> None:
    """Shut down, or killed with SIGKILL and recovering when it starts: what was acknowledged is there."""

    @asynccontextmanager
    async def away() -> AsyncIterator[None]:
        await asyncio.to_thread(getattr(server, end))
        try:
            yield
        finally:
            await asyncio.to_thread(server.start)

    name = {"stop": "server stopped and started", "kill": "server killed and started"}[end]
    (await trial(databases).endures(name, away(), lasts=4)).hold(*LOST)


async def test_backends_that_are_terminated(server: Server, databases: dict[str, str], trial: Trials) -> None:
    """All of them, many times in a row: each request is answered by a new connection, or honestly."""

    @asynccontextmanager
    async def terminated() -> AsyncIterator[None]:
        with psycopg.connect(server.conninfo, autocommit=True) as administrator:
            killer = asyncio.create_task(over_and_over(administrator))
            yield
            killer.cancel()
            await asyncio.gather(killer, return_exceptions=True)

    async def over_and_over(administrator: psycopg.Connection[Any]) -> None:
        while True:
            administrator.execute(f"SELECT pg_terminate_backend(pid) FROM ({POOLED}) AS folio")
            await asyncio.sleep(0.25)

    (await trial(databases).endures("all backends terminated, every 0.25 s", terminated(), lasts=4)).hold(*LOST)


async def test_a_server_without_a_free_connection(server: Server, databases: dict[str, str], trial: Trials) -> None:
    """Others hold every connection that there is, those of Folio's pools too."""

    @asynccontextmanager
    async def taken() -> AsyncIterator[None]:
        with ExitStack() as hogs:
            administrator = hogs.enter_context(psycopg.connect(server.conninfo, autocommit=True))
            while await asyncio.to_thread(taking, hogs) or administrator.execute(POOLED).fetchall():
                administrator.execute(f"SELECT pg_terminate_backend(pid) FROM ({POOLED}) AS folio")
            yield

    def taking(hogs: ExitStack) -> bool:
        try:
            hogs.enter_context(psycopg.connect(server.conninfo, connect_timeout=10))
        except psycopg.OperationalError:
            return False
        return True

    (await trial(databases).endures("every connection taken", taken(), lasts=4)).hold(*LOST)
