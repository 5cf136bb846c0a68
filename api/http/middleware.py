"""What surrounds every request: its id, its deadline, its body's limit, its log line, and an answer to any mistake.

Plain ASGI: BaseHTTPMiddleware runs the application in a task of its own, which has lost disconnects and cancellations.
"""

import asyncio
import re
import time
import uuid
from functools import partial
from typing import Any

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.problems import Problem, respond
from api.http.types import milliseconds
from api.process.drain import Drain
from api.process.settings import Settings
from repositories.postgres import deadlines, metrics, work
from repositories.postgres.deadlines import Deadline
from repositories.postgres.errors import DeadlineExceeded, OutcomeUnknown
from repositories.postgres.work import Work

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Those that are counted by name: the server takes 40 more, and each would be series of its own."""
HEALTH = frozenset({"/livez", "/readyz"})
"""Answered however busy the process is: a busy one is alive."""
SEND_TIMEOUT = 30.0
"""Seconds for a client to take a piece of an answer; one that takes none is left."""
# A client whose request is refused unread would go on sending it.
_CLOSE = {"Connection": "close"}


class RequestMiddleware:
    """Answers every HTTP request once, within the application's settings, under a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; pass on what is not HTTP."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # The server leaves the body out, by its own scope.
            scope = {**scope, "method": "GET"}
        given = Headers(scope=scope).get("x-request-id", "")
        scope.setdefault("state", {})["request_id"] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self._serving += 1
        started = time.perf_counter()
        settings: Settings = scope["app"].state.settings
        exchange = _Exchange(scope, receive, send, settings.max_body_size)
        serving = Serving(scope)
        with work.doing(serving):
            try:
                await self._serve(exchange, settings)
            finally:
                self._serving -= 1
                _account(serving, scope, exchange.status, time.perf_counter() - started)

    async def _serve(self, exchange: "_Exchange", settings: Settings) -> None:
        if self._serving > settings.max_requests and exchange.scope["path"] not in HEALTH:
            await exchange.answer("overloaded", "Folio serves as many requests as it can.", {"Retry-After": "1"})
            return
        timeout = exchange.drain.within(settings.request_timeout)
        with deadlines.within(timeout) as deadline:
            expire = partial(exchange.expire, deadline, asyncio.current_task())
            timer = asyncio.get_running_loop().call_later(timeout, expire)
            try:
                with exchange.drain.serving(expire):
                    await self._app(exchange.scope, exchange.receive, exchange.send)
            except asyncio.CancelledError:
                # Ours, and answered: the connection is whole. Anybody else's goes on.
                if exchange.expiring is None or (task := asyncio.current_task()) is None or task.uncancel() > 0:
                    raise
            except Exception:
                log.exception("mistake", path=exchange.scope["path"], request_id=exchange.scope["state"]["request_id"])
                await exchange.answer("internal_error", "Folio made a mistake; the log has the details.")
            finally:
                timer.cancel()
                if exchange.expiring is not None:
                    await exchange.expiring


class Serving(Work):
    """A request, by its method and route, which is known later than the rest; the path would name a resource."""

    def __init__(self, scope: Scope) -> None:
        super().__init__("", scope["state"]["request_id"])
        self._scope = scope

    @property
    def route(self) -> str:
        """The template of the path; empty where none fits."""
        return getattr(self._scope.get("route"), "path", "")

    @property
    def name(self) -> str:
        """The method and the route."""
        return f"{self._scope['method']} {self.route}"


class _Exchange:
    """One request and its one answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_size: int) -> None:
        self.scope = scope
        self.status: int | None = None
        self.expiring: asyncio.Task[None] | None = None
        self.drain: Drain = scope["app"].state.drain
        self._receive = receive
        self._send = send
        self._max_body_size = max_body_size
        self._body_size = 0
        self._received = False

    async def receive(self) -> Message:
        """Pass the request's body on, up to its limit."""
        declared = Headers(scope=self.scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_body_size:
            raise self._too_large()
        message = await self._receive()
        if message["type"] == "http.request":
            self._body_size += len(message.get("body", b""))
            self._received = not message.get("more_body", False)
            if self._body_size > self._max_body_size:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Pass the answer on, unless the deadline was answered first."""
        if self.expiring is not None:
            return
        await self._forward(message)

    async def answer(self, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        """Answer a problem, unless an answer has begun."""
        if self.status is None:
            await respond(self.scope, code, detail, headers=headers)(self.scope, self._receive, self._forward)

    def expire(self, deadline: Deadline, task: "asyncio.Task[Any] | None") -> None:
        """Answer that the time is up, now, and end the work in its own time: it may take seconds to clean up."""
        if self.status is not None or self.expiring is not None or deadline.committed:
            return
        self.expiring = asyncio.create_task(self._expired(deadline))
        if task is not None:
            task.cancel()

    async def _expired(self, deadline: Deadline) -> None:
        if not self._received and _has_body(self.scope):
            await self.answer("request_timeout", "The body did not arrive in time.", _CLOSE)
            return
        fault = OutcomeUnknown() if deadline.outcome_unknown else DeadlineExceeded()
        await self.answer(fault.code, str(fault), {"Retry-After": str(fault.retry_after)})

    async def _forward(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.scope["state"]["request_id"]
            if self.drain.begun:
                headers.update(_CLOSE)
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._send(message)

    def _too_large(self) -> Problem:
        return Problem("body_too_large", f"A body may have {self._max_body_size} bytes.", headers=_CLOSE)


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "content-length" in headers or "transfer-encoding" in headers


def _account(serving: Serving, scope: Scope, status: int | None, seconds: float) -> None:
    """Count a request and write its log line; no status: it was cancelled before an answer began."""
    method = scope["method"]
    counted = method if method in METHODS else "other"
    metrics.REQUESTS.labels(counted, serving.route, str(status or "none")).inc()
    metrics.REQUEST_SECONDS.labels(counted, serving.route).observe(seconds)
    log.info(
        "request",
        method=method,
        route=serving.route,
        status=status,
        ms=milliseconds(seconds),
        pool_ms=milliseconds(serving.pool_seconds),
        sql_ms=milliseconds(serving.sql_seconds),
        request_id=serving.id,
        user_id=scope["state"].get("user_id"),
    )
