"""One request and its only answer: the application's, a refusal, or the answer at the deadline."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from api.http.arrivals import Arrivals
from api.http.faults import INTERNAL_ERROR, fault_response
from api.http.problems import Problem, respond
from api.process.drain import Drain
from repositories.postgres.operation import CommitState, Operation

CLOSE = {"Connection": "close"}
"""A client whose body was refused unread would continue to send it."""
BUSY = {"Retry-After": "1", **CLOSE}


class Exchange:
    """The body of a request as it arrives, and its answer, which is sent once."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, max_body_size: int, drain: Drain, arrivals: Arrivals
    ) -> None:
        self.scope = scope
        self.status: int | None = None
        self.expiring: asyncio.Task[None] | None = None
        self.drain = drain
        self.body_size = 0
        self._receive = receive
        self._send = send
        self._max_body_size = max_body_size
        self._arrivals = arrivals
        self._task = asyncio.current_task()
        self.timer: asyncio.TimerHandle
        headers = scope["state"]["headers"]
        self._unread = headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers

    async def receive(self) -> Message:
        """Return the next part of the body. Raises 413 if the body exceeds its limit."""
        if not self._unread:
            return await self._receive()
        declared = self.scope["state"]["headers"].get(b"content-length", b"")
        if declared.isdigit() and int(declared) > self._max_body_size:
            raise self._too_large()
        self._arrivals.begin(self)
        message = await self._receive()
        if message["type"] == "http.request":
            self._arrivals.add(self, len(message.get("body", b"")))
            if self.body_size > self._max_body_size:
                raise self._too_large()
            self._unread = message.get("more_body", False)
            if not self._unread:
                self._arrivals.end(self)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the application's answer, unless the request was answered already."""
        if self.expiring is not None:
            return
        await self._forward(message)

    async def fail(self, serving: Operation) -> None:
        """Answer a request that ended before its outcome was known, unless an answer has begun."""
        if self.status is None:
            await fault_response(self.scope, serving.interrupted())(self.scope, self._receive, self._forward)

    async def ended_itself(self, serving: Operation) -> bool:
        """Return True if the exchange cancelled its task: its answer is sent and the connection is intact.

        Otherwise uvicorn did, because its time for shutting down is up: answer now.
        """
        if self.expiring is None:
            await self.fail(serving)
            return False
        return self._task is not None and self._task.uncancel() == 0

    async def crash(self, serving: Operation) -> None:
        """Answer 500, unless an answer has begun; 503 if a COMMIT is in flight or lost."""
        if serving.commit in {CommitState.COMMITTING, CommitState.UNKNOWN}:
            await self.fail(serving)
        else:
            await self.answer("internal_error", INTERNAL_ERROR)

    async def answer(self, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self.status is None:
            await respond(self.scope, code, detail, headers=headers)(self.scope, self._receive, self._forward)

    def start_timer(self, serving: Operation) -> None:
        """Expire the request at its deadline."""
        self.timer = asyncio.get_running_loop().call_later(serving.remaining(), self._ring, serving)

    def _ring(self, serving: Operation) -> None:
        if serving.remaining() > 0:
            self.start_timer(serving)  # the request postponed its deadline: it waits for entries
        else:
            self.expire(serving)

    def expire(self, serving: Operation) -> None:
        """Answer now that the time is up, and cancel the request, whose cleanup may take seconds."""
        if serving.commit is not CommitState.COMMITTED:
            self._end(self._expired(serving))

    def refuse(self) -> None:
        """Answer that too many bodies are arriving, and cancel the request."""
        self._end(self.answer("overloaded", "Too many requests are being sent at once.", BUSY))

    def _end(self, answering: Coroutine[Any, Any, None]) -> None:
        if self.status is not None or self.expiring is not None:
            answering.close()
            return
        self.expiring = asyncio.create_task(answering)
        if self._task is not None:
            self._task.cancel()

    async def _expired(self, serving: Operation) -> None:
        if self._unread:
            await self.answer("request_timeout", "The body did not arrive in time.", CLOSE)
            return
        await self.fail(serving)

    async def _forward(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.raw.append((b"x-request-id", self.scope["state"]["request_id"].encode()))
            self._restrict(headers)
            if self._unread or self.drain.begun:
                headers.update(CLOSE)
        await self._send(message)

    def _restrict(self, headers: MutableHeaders) -> None:
        """Say which caches may keep an answer. A route whose answer shows a key says `no-store` itself."""
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if self.scope["state"].get("answer_depends_on_key"):
            headers.add_vary_header("Authorization")
        if b"authorization" in self.scope["state"]["headers"]:
            headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")

    def _too_large(self) -> Problem:
        return Problem("body_too_large", f"A body may have at most {self._max_body_size} bytes.", headers=CLOSE)
