"""Work that no request asks for: it runs beside the requests of every process, and any number may do it at once."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

import psycopg
import structlog

from repositories.audit import invariants as audits
from repositories.leases import LeaseRepository
from repositories.ledger import holds as holding
from repositories.postgres import deadlines
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import DeadlineExceeded, Fault, described, fault
from repositories.postgres.pools import Database
from repositories.postgres.work import Work, doing
from repositories.sagas import leaving
from repositories.sagas import purchases as purchasing

log = structlog.get_logger()

ANSWERING = 0.5
"""Seconds before its deadline at which a request answers, however far its work is."""
REPORT_INTERVAL = 1.0
"""Seconds between two looks at the pools: another worker shows what was seen last."""
AUDIT_LOOK = 60.0
"""Seconds between two looks whether an audit is due, at the most."""
AUDIT_TIMEOUT = 900.0
"""Seconds for an audit: whole tables are read."""
TIMEOUT = 120.0
"""Seconds for a piece of work: against a database that swallows everything only the client's own clock helps."""


async def sweep(main: Database, interval: float) -> None:
    """Expire overdue holds, for ever: what a payment finds overdue on its accounts it expires itself."""

    async def expire() -> int:
        async with main.checkout() as checkout:
            return await units.run(checkout, holding.sweep)

    await _repeat("sweep", expire, interval)


async def finish_purchases(databases: Mapping[str, Database], interval: float) -> None:
    """Finish purchases that nobody is at work on, for ever, whoever began them."""
    await _repeat("finish_purchases", partial(purchasing.finish_abandoned, databases), interval)


async def finish_leaving(databases: Mapping[str, Database], interval: float) -> None:
    """Take off sale what users were selling who left, for ever."""
    await _repeat("finish_leaving", partial(leaving.finish_leaving, databases), interval)


async def report(databases: Iterable[Database]) -> None:
    """Tell the metrics how the pools stand, for ever."""
    while True:
        for database in databases:
            database.report()
        await asyncio.sleep(REPORT_INTERVAL)


async def audit(main: Database, conninfos: Mapping[str, str], interval: float, auditing: asyncio.Lock) -> None:
    """Run an audit every `interval` seconds, for ever, in one of all processes; 0: never. One at a time in this one."""
    if interval == 0:
        return

    async def audit_in_turn() -> int:
        async with auditing:
            async with main.checkout() as checkout:
                taken = await LeaseRepository(checkout.connection).take(name="audit", seconds=math.ceil(interval))
            if taken:
                await audits.run(conninfos, main)
        return 0

    await _repeat("audit", audit_in_turn, min(interval, AUDIT_LOOK), AUDIT_TIMEOUT)


async def stop(tasks: Collection[asyncio.Task[None]], seconds: float) -> None:
    """End workers, after the statement or COMMIT that each is waiting for, and leave those that wait for longer."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)


class Background:
    """What requests leave behind, where a database keeps them waiting for longer than they have time."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, name: str, work: Coroutine[Any, Any, None], seconds: float = TIMEOUT) -> None:
        """Wait for work as long as the request has time; after that it goes on alone. What goes wrong is logged.

        It is a task of its own, because a database that swallows everything keeps whoever waits for it, cancelled or
        not, for seconds.
        """
        task = asyncio.create_task(_logged(name, work, seconds))
        self._tasks.add(task)  # the loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait({task}, timeout=max(0.0, deadlines.remaining(math.inf) - ANSWERING))

    async def stop(self, seconds: float) -> None:
        """Let what is under way end by itself for half of that, and then end it in the other half."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds / 2)
        if self._tasks:
            await stop(self._tasks, seconds / 2)


async def _repeat(name: str, work: Callable[[], Awaitable[int]], interval: float, seconds: float = TIMEOUT) -> None:
    """Do what there is to do, about every `interval` seconds; a round that found something is followed by another."""
    while True:
        # Processes that were started together need not look together.
        await asyncio.sleep(interval * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        await _logged(name, _all(work), seconds)


async def _all(work: Callable[[], Awaitable[int]]) -> None:
    while await work():
        pass


async def _logged(name: str, work: Awaitable[None], seconds: float = TIMEOUT) -> None:
    try:
        with doing(Work(name)), deadlines.within(seconds):
            async with asyncio.timeout(seconds):
                await work
    except TimeoutError:
        log.warning(name, code=DeadlineExceeded.code, error="A database kept it waiting.")
    except (Fault, psycopg.Error) as error:
        known = fault(error) if isinstance(error, psycopg.Error) else error
        log.warning(name, code=known.code, error=described(error))
    except Exception:
        log.exception("mistake", worker=name)
