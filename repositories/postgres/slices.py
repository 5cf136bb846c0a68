"""Long computations in slices, so that a process serves other requests between them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

SIZE = 50
"""Items of a slice: a millisecond of work on a transfer each."""


async def sliced(items: Iterable[Item]) -> AsyncIterator[Item]:
    """Yield items, and let other tasks run after each slice."""
    for number, item in enumerate(items, 1):
        yield item
        if number % SIZE == 0:
            await asyncio.sleep(0)
