"""Faults of the network between Folio and its server: cut, stall and black hole."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.harness.proxy import Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.faults.trial import Figures, NewTrial

    NetworkFault = Callable[[list[Proxy]], AbstractAsyncContextManager[None]]


async def run_behind_proxies(
    new_trial: NewTrial, databases: dict[str, str], name: str, fault: NetworkFault, *, seconds: float
) -> Figures:
    """Run a trial whose service connects through proxies; the judge and the audit connect directly."""
    async with proxy(databases["main"]) as main, proxy(databases["catalog"]) as catalog:
        proxies = {"main": main.conninfo, "catalog": catalog.conninfo}
        return await new_trial(databases, proxies).run(name, fault([main, catalog]), seconds=seconds)


@asynccontextmanager
async def cut(proxies: list[Proxy]) -> AsyncIterator[None]:
    for proxy_ in proxies:
        await proxy_.stop()
    yield
    for proxy_ in proxies:
        await proxy_.start()


@asynccontextmanager
async def stalled(proxies: list[Proxy]) -> AsyncIterator[None]:
    for proxy_ in proxies:
        proxy_.flowing.clear()
    yield
    for proxy_ in proxies:
        proxy_.flowing.set()


@asynccontextmanager
async def swallowed(proxies: list[Proxy]) -> AsyncIterator[None]:
    for proxy_ in proxies:
        proxy_.swallowing = True
    yield
    for proxy_ in proxies:
        proxy_.swallowing = False


async def test_a_network_that_is_cut(databases: dict[str, str], new_trial: NewTrial) -> None:
    """Connections are reset, and new connections are refused."""
    figures = await run_behind_proxies(new_trial, databases, "network cut", cut, seconds=4)
    figures.check("database_unavailable", "outcome_unknown", "pool_exhausted")


async def test_a_network_that_stalls(databases: dict[str, str], new_trial: NewTrial) -> None:
    """Connections are accepted and all bytes arrive late; no write happens twice."""
    figures = await run_behind_proxies(new_trial, databases, "network stalled, bytes come late", stalled, seconds=6)
    figures.check("pool_exhausted", "outcome_unknown", "database_unavailable", "deadline_exceeded", "lock_timeout")


@pytest.mark.parametrize("seconds", [8, 12])
async def test_a_network_that_is_a_black_hole(databases: dict[str, str], new_trial: NewTrial, seconds: float) -> None:
    """Connections are accepted and all bytes are lost, so that only Folio's own timeouts end a wait."""
    figures = await run_behind_proxies(
        new_trial, databases, f"network a black hole for {seconds} s", swallowed, seconds=seconds
    )
    # The locks of a lost backend stay until PostgreSQL ends it.
    figures.check("pool_exhausted", "outcome_unknown", "database_unavailable", "deadline_exceeded", "lock_timeout")
