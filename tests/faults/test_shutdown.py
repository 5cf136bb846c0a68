"""SIGTERM under load: what was accepted is answered, and then the process ends."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.faults import judge
from tests.faults.trial import Figures, refused, running
from tests.harness.processes import command, until
from tests.harness.proxy import proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.trial import Trial

    Trials = Callable[..., Trial]

ENDED_WITHIN = 10.0
"""Seconds from SIGTERM to the end of the process."""
DRAIN = "2"
"""Seconds, as by default; other tests' services leave at once."""
WAITING = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
# Under lock_timeout (2 s), and long enough that all who are idle have left by then.
UNLOCKED_AFTER = 1.0


async def test_sigterm_while_the_databases_are_silent(databases: dict[str, str], trial: Trials) -> None:
    """What is under way cannot end, and keeps nobody: the process ends in time, and nothing acknowledged is lost."""
    async with proxy(databases["main"]) as main, proxy(databases["catalog"]) as catalog:
        tried = trial(databases, {"main": main.conninfo, "catalog": catalog.conninfo})
        load = tried.load
        async with running(tried.served | {"FOLIO_DRAIN_TIME": DRAIN}) as folio:
            await load.open(folio.port)
            async with load:
                await load.flows(since=0)
                main.swallowing = catalog.swallowing = True
                await asyncio.sleep(1)
                load.leaving = True
                told = time.monotonic()
                folio.process.send_signal(signal.SIGTERM)
                status = await asyncio.to_thread(folio.process.wait, 60)
                ended = time.monotonic()
            main.swallowing = catalog.swallowing = False
    assert (status, ended - told < ENDED_WITHIN) == (0, True), ended - told
    assert judge.lost_or_doubled(load.answers, await judge.made(tried.settings["FOLIO_MAIN_DATABASE_URL"])) == []


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_under_load(databases: dict[str, str], trial: Trials, workers: int) -> None:
    """No request that was accepted fails, over kept and over fresh connections; readiness is off; exit status 0."""
    tried = trial(databases)
    load = tried.load

    def somebody_waits() -> bool:
        with psycopg.connect(databases["main"]) as administrator:
            return administrator.execute(WAITING, [other.info.backend_pid]).fetchone() is not None

    async with (
        running(tried.settings | {"FOLIO_DRAIN_TIME": DRAIN}, "--workers", str(workers)) as folio,
        await psycopg.AsyncConnection.connect(databases["main"]) as other,
    ):
        await load.open(folio.port)
        async with load:
            await load.flows(since=0)
            # Somebody is in the middle of something when the signal comes.
            await other.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [load.accounts["transfer 1"][0]])
            await asyncio.to_thread(until, somebody_waits)
            load.leaving = True
            told = time.monotonic()
            folio.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(UNLOCKED_AFTER)
            assert not await asyncio.to_thread(folio.answers, "/readyz")
            unlocked = time.monotonic()
            await other.commit()
            status = await asyncio.to_thread(folio.process.wait, 60)
            ended = time.monotonic()
    meant = [answer for answer in load.answers if answer.ended >= told]
    tried.record(
        found := Figures(
            fault=f"SIGTERM, workers: {workers}",
            tries=len(meant),
            refused=refused(meant),
            violations=await tried.violations(),
            longest=max(answer.seconds for answer in meant),
            recovery=ended - told,
        )
    )
    assert found.violations == []
    waited = [answer for answer in meant if answer.began < told and answer.ended > unlocked]
    assert [(answer.route, answer.status) for answer in waited] == [("transfer", 201)]
    assert (status, ended - told < ENDED_WITHIN) == (0, True)
    done = await asyncio.to_thread(command, "audit", settings=tried.settings)
    assert done.returncode == 0, done.stdout
