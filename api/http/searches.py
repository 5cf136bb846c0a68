"""Searches: few at a time in a process, so that they leave connections and the server's time to everything else."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends

from api.http.dependencies import CurrentService
from api.http.types import Words
from repositories.postgres.searching import can_match


async def search(service: CurrentService, q: Words = None) -> AsyncIterator[str | None]:
    """Return the query once this search may run, or None for a request without one.

    Depend on it before a connection, so that a waiting search holds none. Raises Fault `overloaded` if the searches
    before it take longer than a request waits for a connection.
    """
    if q is None or not can_match(q):
        yield q
        return
    async with service.searches.turn(service.pools["main"].options.timeout):
        yield q


Search = Annotated[str | None, Depends(search, scope="function")]
