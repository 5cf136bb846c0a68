"""Turns at expensive work: a caller has one at a time in this process, and all callers together have a few."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

from repositories.postgres import operation
from repositories.postgres.errors import Fault
from repositories.postgres.shares import Shares


class Turns:
    """The turns at one kind of work, such as "searches"; at most `limit` at a time."""

    def __init__(self, kind: str, limit: int) -> None:
        self._kind = kind
        self._places = asyncio.Semaphore(limit)
        self._own = Shares(1)

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[None]:
        """Take a turn until the context ends. Begin before a connection is checked out: the wait then holds none.

        Raises Fault `overloaded` after `seconds`. Other callers wait for one turn of a caller at most, however many
        requests it sends.
        """
        current = operation.current()
        caller: Hashable = None if current is None else current.caller
        try:
            async with asyncio.timeout(operation.remaining(seconds)):
                await self._own.claim(caller)
                try:
                    await self._places.acquire()
                except BaseException:
                    self._own.release(caller)
                    raise
        except TimeoutError:
            raise Fault(f"Too many {self._kind} are waiting.", code="overloaded") from None
        try:
            yield
        finally:
            self._places.release()
            self._own.release(caller)
