"""Gathered requests in tests: they wait until the pool, of which a test holds every connection, is free again."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from api.process.service import service_of

Answers = list[asyncio.Task[httpx.Response]]


class Queue:
    """The payments that wait for a connection."""

    def __init__(self, app: FastAPI) -> None:
        self._payments = service_of(app).payments

    async def add(self, *requests: Coroutine[Any, Any, httpx.Response]) -> Answers:
        """Send payments one after the other, each once the one before it waits."""
        answers = []
        for request in requests:
            length = len(self._payments._queue)
            answers.append(asyncio.create_task(request))
            async with asyncio.timeout(60):
                while len(self._payments._queue) == length:  # noqa: ASYNC110 - the queue has no event
                    await asyncio.sleep(0.001)
        return answers


@asynccontextmanager
async def jam(app: FastAPI) -> AsyncIterator[Queue]:
    """Check out every connection of the main pool; once they are returned, the queued payments are gathered."""
    pool = service_of(app).pools["main"]
    async with AsyncExitStack() as stack:
        for _ in range(pool.options.max_size):
            await stack.enter_async_context(pool.checkout())
        yield Queue(app)


async def send(app: FastAPI, *requests: Coroutine[Any, Any, httpx.Response]) -> list[httpx.Response]:
    """Send payments so that they are gathered, in this order; return their answers."""
    async with jam(app) as queue:
        answers = await queue.add(*requests)
    return await asyncio.gather(*answers)
