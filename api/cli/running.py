"""A command's access to the databases: patiently, and with at most one connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TypeVar

from api.cli.terminal import say
from api.process import startup
from api.process.settings import Settings
from repositories.postgres.pools import Pool

Result = TypeVar("Result")


class UsageError(Exception):
    """The arguments cannot be carried out; the message says why."""


def run(settings: Settings, work: Callable[[], Awaitable[Result]]) -> Result:
    """Run `work`, again while the databases start."""
    return asyncio.run(startup.patiently(settings, work, say))


@asynccontextmanager
async def main_pool(settings: Settings, conninfo: str) -> AsyncIterator[Pool]:
    """Open a pool of one connection to the main database."""
    options = replace(settings.pool("main"), min_size=0, max_size=1, timeout=settings.start_timeout)
    pool = Pool("main", conninfo, options, purpose="command")
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()
