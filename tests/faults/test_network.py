"""The network between Folio and its server: cut, stalled, and a black hole."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.harness.proxy import Proxy, proxy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from tests.faults.trial import Figures, Trial

    Trials = Callable[..., Trial]
    Trouble = Callable[[list[Proxy]], AbstractAsyncContextManager[None]]


async def behind(trial: Trials, databases: dict[str, str], name: str, trouble: Trouble, *, lasts: float) -> Figures:
    """Try a trouble of the network between a service and both databases; judge and audit stand beside it."""
    async with proxy(databases["main"]) as main, proxy(databases["catalog"]) as catalog:
        through = {"main": main.conninfo, "catalog": catalog.conninfo}
        return await trial(databases, through).endures(name, trouble([main, catalog]), lasts=lasts)


@asynccontextmanager
async def cut(between: list[Proxy]) -> AsyncIterator[None]:
    for each in between:
        await each.stop()
    yield
    for each in between:
        await each.start()


@asynccontextmanager
async def stalled(between: list[Proxy]) -> AsyncIterator[None]:
    for each in between:
        each.flowing.clear()
    yield
    for each in between:
        each.flowing.set()


@asynccontextmanager
async def swallowed(between: list[Proxy]) -> AsyncIterator[None]:
    for each in between:
        each.swallowing = True
    yield
    for each in between:
        each.swallowing = False


async def test_a_network_that_is_cut(databases: dict[str, str], trial: Trials) -> None:
    """Connections are reset and new ones refused."""
    found = await behind(trial, databases, "network cut", cut, lasts=4)
    found.hold("database_unavailable", "outcome_unknown", "pool_exhausted")


async def test_a_network_that_stalls(databases: dict[str, str], trial: Trials) -> None:
    """Connections are accepted and all bytes are under way, until they arrive, late: nothing of it happens twice."""
    found = await behind(trial, databases, "network stalled, bytes come late", stalled, lasts=6)
    found.hold("pool_exhausted", "outcome_unknown", "database_unavailable", "deadline_exceeded", "lock_timeout")


@pytest.mark.parametrize("lasts", [8, 12])
async def test_a_network_that_is_a_black_hole(databases: dict[str, str], trial: Trials, lasts: float) -> None:
    """Connections are accepted and all bytes disappear: only Folio's own clock speaks."""
    found = await behind(trial, databases, f"network a black hole for {lasts} s", swallowed, lasts=lasts)
    # What a lost backend has locked stays locked until PostgreSQL ends it.
    found.hold("pool_exhausted", "outcome_unknown", "database_unavailable", "deadline_exceeded", "lock_timeout")
