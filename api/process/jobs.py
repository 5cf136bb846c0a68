"""Jobs: periodic coroutines of every process. Processes may run a job at the same time, or take turns by a lease."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from functools import partial

from api.process.background import TIMEOUT_SECONDS, logged
from api.process.service import Service
from repositories import server
from repositories.audit import run as auditing
from repositories.audit.run import Databases
from repositories.leases import LeaseRepository
from repositories.ledger import holds
from repositories.postgres import unit_of_work
from repositories.postgres.pools import Pool
from repositories.sagas import leaving, purchases

REPORT_INTERVAL_SECONDS = 1.0
"""Seconds between two reports of the pools to the metrics."""
AUDIT_LEASE_INTERVAL_SECONDS = 60.0
"""Most seconds between two attempts to take the lease of the scheduled audit."""
AUDIT_TIMEOUT = 900.0
"""Seconds for an audit that an operator asked for; a process goes on with it later if it takes longer."""
AUDIT_TURN_SECONDS = 60.0
"""Seconds for which a process goes on with a scheduled audit; then the audit is any process's."""


def jobs(service: Service) -> list[Coroutine[None, None, None]]:
    """Return every job of a process."""
    settings = service.settings
    return [
        sweep(service.pools["main"], settings.sweep_interval),
        finish_purchases(service.pools, settings.sweep_interval),
        finish_leaving(service.pools, settings.sweep_interval),
        report(service.all_pools),
        *(watch_commits(service, database) for database in service.pools),
        audit(service.audited, settings.audit_interval),
    ]


async def sweep(main: Pool, interval: float) -> None:
    """Expire overdue holds. A payment does not wait for it: it expires the holds of its own accounts."""

    async def expire() -> int:
        async with main.checkout() as checkout:
            return await unit_of_work.run(checkout, holds.sweep)

    await _repeat("sweep", expire, interval)


async def finish_purchases(pools: Mapping[str, Pool], interval: float) -> None:
    """Finish purchases whose lease has expired, whichever process began them."""
    await _repeat("finish_purchases", partial(purchases.finish_abandoned, pools), interval)


async def finish_leaving(pools: Mapping[str, Pool], interval: float) -> None:
    """Archive the products and delete the posts of users that have left."""
    await _repeat("finish_leaving", partial(leaving.finish_leaving, pools), interval)


async def report(pools: Iterable[Pool]) -> None:
    """Report the state of the pools to the metrics, which every worker can show."""
    while True:
        for pool in pools:
            pool.report()
        await asyncio.sleep(REPORT_INTERVAL_SECONDS)


async def watch_commits(service: Service, database: str) -> None:
    """Forget backends whose COMMIT was given up once they have ended; without any, the server is not asked."""
    operations = service.operator_pools[database]

    async def forget() -> None:
        pools = [pool for pool in (service.pools[database], operations) if pool.commits.abandoned]
        if not pools:
            return
        pids = {pid for pool in pools for pid in pool.commits.abandoned}
        async with operations.checkout() as checkout:
            backends = await server.read_activity(checkout.connection, pids=pids)
        # A PID may be another backend's by now.
        ended = {pid for pid in pids if pid not in backends or backends[pid].query != "COMMIT"}
        for pool in pools:
            pool.commits.forget(ended)

    while True:
        await asyncio.sleep(REPORT_INTERVAL_SECONDS)
        await logged("watch_commits", forget(), TIMEOUT_SECONDS)


async def audit(databases: Databases, interval: float) -> None:
    """Begin audits every `interval` seconds in one of all processes, and go on with unfinished ones; 0: neither."""
    if interval == 0:
        return

    async def audit_in_turn() -> int:
        async with databases.main.checkout() as checkout:
            leased = await LeaseRepository(checkout.connection).take(name="audit", seconds=math.ceil(interval))
        if leased:
            await auditing.schedule(databases.main)
        await auditing.resume(databases, AUDIT_TURN_SECONDS)
        return 0

    await _repeat("audit", audit_in_turn, min(interval, AUDIT_LEASE_INTERVAL_SECONDS), AUDIT_TIMEOUT)


async def _repeat(
    name: str, work: Callable[[], Awaitable[int]], interval: float, seconds: float = TIMEOUT_SECONDS
) -> None:
    """Run `work` about every `interval` seconds, each time until it finds nothing more to do."""
    while True:
        # Jitter: processes that started together do not query the database together.
        await asyncio.sleep(interval * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        await logged(name, _until_idle(work), seconds)


async def _until_idle(work: Callable[[], Awaitable[int]]) -> None:
    while await work():
        pass
