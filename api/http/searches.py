"""Searches: few at a time in a process, so that they leave connections and the server's time to everything else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends

from api.http.dependencies import CurrentService
from api.http.types import Words
from repositories.postgres.errors import Fault
from repositories.postgres.operation import remaining
from repositories.postgres.searching import can_match


async def search(service: CurrentService, q: Words = None) -> AsyncIterator[str | None]:
    """Return the query once this search may run, or None for a request without one.

    Depend on it before a connection, so that a waiting search holds none. Raises Fault `overloaded` if the searches
    before it take longer than a request waits for a connection.
    """
    if q is None or not can_match(q):
        yield q
        return
    try:
        async with asyncio.timeout(remaining(service.pools["main"].options.timeout)):
            await service.searches.acquire()
    except TimeoutError:
        raise Fault("Too many searches are running.", code="overloaded") from None
    try:
        yield q
    finally:
        service.searches.release()


Search = Annotated[str | None, Depends(search, scope="function")]
