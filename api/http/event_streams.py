"""Server-sent events as an answer that may last for days: FastAPI's form of events, with a bound for slow clients."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractContextManager, aclosing

import structlog
from fastapi.sse import EventSourceResponse
from starlette.types import Message, Receive, Scope, Send

from repositories.postgres.metrics import FOLLOWERS_DROPPED

log = structlog.get_logger()

WRITE_SECONDS = 10.0
"""Seconds for a client to take its events, beyond the buffer of its connection (64 KiB, and the system's queue)."""
# nginx would collect events before it passes them on.
_UNBUFFERED = {"X-Accel-Buffering": "no"}


class EventStream(EventSourceResponse):
    """Events that are sent within a context, which may refuse the request with a problem.

    A client that takes longer than WRITE_SECONDS for an event is disconnected; it resumes after the last event that it
    received.
    """

    def __init__(
        self, events: AsyncGenerator[bytes], context: AbstractContextManager[None], headers: Mapping[str, str]
    ) -> None:
        super().__init__(events, headers={**headers, **_UNBUFFERED})
        self._events = events
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until there are no more, or the client leaves or reads too slowly."""

        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(WRITE_SECONDS):
                    await send(message)
            except TimeoutError:
                FOLLOWERS_DROPPED.inc()
                log.info("slow follower", path=scope["path"], request_id=scope["state"]["request_id"])
                scope["state"]["reset"]()
                await asyncio.Event().wait()  # Starlette cancels this as it notices that the client is gone

        with self._context:
            async with aclosing(self._events):
                await super().__call__(scope, receive, send_in_time)
