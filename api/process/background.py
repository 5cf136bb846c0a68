"""Work that outlives its request: it continues in the background when the request's time is up."""

import asyncio
import math
from collections.abc import Awaitable, Collection, Coroutine
from logging import ERROR, WARNING
from typing import Any

import psycopg
import structlog

from repositories.postgres import operation
from repositories.postgres.errors import DeadlineExceeded, Defect, Fault, described, fault
from repositories.postgres.operation import Operation, running

log = structlog.get_logger()

ANSWER_MARGIN_SECONDS = 0.5
"""Seconds before its deadline at which a request answers, even if its work is unfinished."""
TIMEOUT_SECONDS = 120.0
"""Seconds for one piece of work: if a network drops every packet, only a timer of Folio's own ends the wait."""


class Background:
    """The unfinished work of earlier requests of this process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, name: str, work: Coroutine[Any, Any, None], seconds: float = TIMEOUT_SECONDS) -> None:
        """Wait for `work` as long as the request has time; after that it continues alone. Errors are logged.

        The work runs as a task of its own: if the server does not answer, a cancelled wait still takes seconds.
        """
        current = operation.current()
        task = asyncio.create_task(logged(name, work, seconds))
        self._tasks.add(task)  # the event loop itself keeps no task alive
        task.add_done_callback(self._tasks.discard)
        left = math.inf if current is None else current.remaining()
        await asyncio.wait({task}, timeout=max(0.0, left - ANSWER_MARGIN_SECONDS))

    async def stop(self, seconds: float) -> None:
        """Wait half of `seconds` for unfinished work, then cancel it and wait for the other half."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds / 2)
        if self._tasks:
            await stop(self._tasks, seconds / 2)


async def stop(tasks: Collection[asyncio.Task[None]], seconds: float) -> None:
    """Cancel tasks and wait until each ends its present statement or COMMIT, for at most `seconds`."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=seconds)


async def logged(name: str, work: Awaitable[None], seconds: float = TIMEOUT_SECONDS) -> None:
    """Run `work` as an operation with a deadline; log an error in place of raising it.

    Work that a request began keeps the request's caller, and so stays within the caller's share of the connections.
    """
    began = operation.current()
    try:
        with running(Operation(name, seconds=seconds, caller=began and began.caller)):
            async with asyncio.timeout(seconds):
                await work
    except TimeoutError:
        log.warning(name, code=DeadlineExceeded.code, error=f"Not finished within {seconds:g} s.")
    except (Fault, Defect, psycopg.Error) as error:
        known = fault(error) if isinstance(error, psycopg.Error) else error
        log.log(ERROR if isinstance(known, Defect) else WARNING, name, code=known.code, error=described(error))
    except Exception:
        log.exception("internal error", job=name)
