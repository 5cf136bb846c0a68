"""SIGTERM under load: every accepted request is answered, then the process ends."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.faults.trial import Figures, count_refusals, running
from tests.harness.processes import command, until
from tests.harness.proxy import proxy

if TYPE_CHECKING:
    from tests.faults.trial import NewTrial


MAX_EXIT_SECONDS = 10.0
"""From SIGTERM to the end of the process."""
DRAIN_SECONDS = "2"
"""The default; the services of other tests do not drain."""
WAITING_BACKENDS = "SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"
UNLOCK_AFTER_SECONDS = 1.0
"""Shorter than lock_timeout (2 s), and long enough for idle connections to be closed."""


async def test_sigterm_while_the_databases_are_silent(databases: dict[str, str], new_trial: NewTrial) -> None:
    """Requests in flight cannot finish, but the process ends in time and no acknowledged write is lost."""
    async with proxy(databases["main"]) as main, proxy(databases["catalog"]) as catalog:
        trial = new_trial(databases, {"main": main.conninfo, "catalog": catalog.conninfo})
        load = trial.load
        async with running(trial.service_settings | {"FOLIO_DRAIN_TIME": DRAIN_SECONDS}) as folio:
            await load.open(folio.port)
            async with load:
                await load.wait_for_successes(since=0)
                main.swallowing = catalog.swallowing = True
                await asyncio.sleep(1)
                load.service_leaving = True
                signalled_at = time.monotonic()
                folio.process.send_signal(signal.SIGTERM)
                status = await asyncio.to_thread(folio.process.wait, 60)
                ended_at = time.monotonic()
            main.swallowing = catalog.swallowing = False
    assert (status, ended_at - signalled_at < MAX_EXIT_SECONDS) == (0, True), ended_at - signalled_at
    assert await trial.lost_or_doubled() == []


@pytest.mark.parametrize("workers", [1, 2])
async def test_sigterm_under_load(databases: dict[str, str], new_trial: NewTrial, workers: int) -> None:
    """No accepted request fails, on kept or new connections; the service is not ready and exits with 0."""
    trial = new_trial(databases)
    load = trial.load

    def a_backend_waits() -> bool:
        with psycopg.connect(databases["main"]) as administrator:
            return administrator.execute(WAITING_BACKENDS, [rival.info.backend_pid]).fetchone() is not None

    async with (
        running(trial.settings | {"FOLIO_DRAIN_TIME": DRAIN_SECONDS}, "--workers", str(workers)) as folio,
        await psycopg.AsyncConnection.connect(databases["main"]) as rival,
    ):
        await load.open(folio.port)
        async with load:
            await load.wait_for_successes(since=0)
            # A transfer waits for this lock when the signal comes.
            await rival.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [load.accounts["transfer 1"][0]])
            await asyncio.to_thread(until, a_backend_waits)
            load.service_leaving = True
            signalled_at = time.monotonic()
            folio.process.send_signal(signal.SIGTERM)
            await asyncio.sleep(UNLOCK_AFTER_SECONDS)
            assert not await asyncio.to_thread(folio.answers, "/readyz")
            unlocked_at = time.monotonic()
            await rival.commit()
            status = await asyncio.to_thread(folio.process.wait, 60)
            ended_at = time.monotonic()
    answers = load.answers_since(signalled_at)
    trial.record(
        figures := Figures(
            fault=f"SIGTERM, workers: {workers}",
            tries=len(answers),
            refused=count_refusals(answers),
            violations=await trial.violations(),
            longest=max(answer.seconds for answer in answers),
            recovery=ended_at - signalled_at,
        )
    )
    assert figures.violations == []
    in_flight = [answer for answer in answers if answer.sent_at < signalled_at and answer.ended_at > unlocked_at]
    assert [(answer.route, answer.status) for answer in in_flight] == [("transfer", 201)]
    assert (status, ended_at - signalled_at < MAX_EXIT_SECONDS) == (0, True)
    audit = await asyncio.to_thread(command, "audit", settings=trial.settings)
    assert audit.returncode == 0, audit.stdout
