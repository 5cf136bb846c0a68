"""Work that no request asks for: it runs beside the requests of every process, and any number may do it at once."""

import asyncio
import contextlib
import random

import structlog

from repositories import ledger, units
from repositories.errors import Fault
from repositories.pools import Database

log = structlog.get_logger()


async def sweep(main: Database, interval: float) -> None:
    """Expire overdue holds, for ever: what a payment finds overdue on its accounts it expires itself."""
    while True:
        # Processes that were started together need not look together.
        await asyncio.sleep(interval * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        try:
            async with main.checkout() as checkout:
                while await units.run(checkout, ledger.sweep):
                    pass
        except Fault as fault:
            log.warning("sweep", code=fault.code, error=str(fault))
        except Exception:
            log.exception("mistake", worker="sweep")


async def stop(worker: asyncio.Task[None]) -> None:
    """End a worker, after the statement or COMMIT that it is waiting for."""
    worker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await worker
