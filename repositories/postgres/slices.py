"""Long computations in slices, so that a process serves other requests between them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import TypeVar

Item = TypeVar("Item")

SIZE = 50
"""Transfers of a slice of a batch, whose accounts are locked meanwhile."""
ROWS = 10
"""Rows of a slice of a list."""


async def sliced(items: Iterable[Item], size: int = SIZE) -> AsyncIterator[Item]:
    """Yield items, and let other tasks run after each `size` of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % size == 0:
            await asyncio.sleep(0)
