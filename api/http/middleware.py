"""The request middleware: id, deadline, limit of the body, log line and metrics, and the 500 for unexpected errors.

Plain ASGI: BaseHTTPMiddleware runs the application in a separate task and has lost disconnects and cancellations.
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

from api.http.faults import INTERNAL_ERROR, fault_response
from api.http.problems import Problem, respond
from api.http.types import milliseconds
from api.process.drain import Drain
from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import metrics, operation
from repositories.postgres.operation import CommitState, Operation

log = structlog.get_logger()

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods with metric series of their own; the server accepts 40 more, which are counted as `other`."""
HEALTH = frozenset({"/livez", "/readyz"})
"""Paths that are answered even if the process is overloaded: a busy process is alive."""
SEND_TIMEOUT_SECONDS = 30.0
"""Seconds within which a client must read the next part of an answer; after that its connection is closed."""
# A client whose body was refused unread would continue to send it.
_CLOSE = {"Connection": "close"}


class RequestMiddleware:
    """Answers every HTTP request exactly once, within its deadline, with a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._serving = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; pass other protocols on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # uvicorn omits the body, since its own scope still says HEAD.
            scope = {**scope, "method": "GET"}
        header = Headers(scope=scope).get("x-request-id", "")
        scope.setdefault("state", {})["request_id"] = header if _REQUEST_ID.fullmatch(header) else uuid.uuid4().hex
        self._serving += 1
        started = time.perf_counter()
        service = service_of(scope["app"])
        settings = service.settings
        exchange = _Exchange(scope, receive, send, settings.max_body_size, service.drain)
        serving = RequestOperation(scope, service.drain.within(settings.request_timeout))
        with operation.running(serving):
            try:
                await self._serve(exchange, serving, settings)
            finally:
                self._serving -= 1
                _record(serving, scope, exchange.status, time.perf_counter() - started)

    async def _serve(self, exchange: "_Exchange", serving: Operation, settings: Settings) -> None:
        if self._serving > settings.max_requests and exchange.scope["path"] not in HEALTH:
            await exchange.answer(
                "overloaded", "This process is serving as many requests as it may.", {"Retry-After": "1"}
            )
            return
        expire = partial(exchange.expire, serving, asyncio.current_task())
        timer = asyncio.get_running_loop().call_later(serving.remaining(), expire)
        try:
            with exchange.drain.serving(expire):
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            # If `expire` cancelled the task, the answer is sent and the connection is intact.
            if exchange.expiring is None:
                # uvicorn's time for shutting down is up.
                await exchange.fail(serving)
                raise
            if (task := asyncio.current_task()) is None or task.uncancel() > 0:
                raise
        except Exception:
            path = exchange.scope["path"]
            log.exception("internal error", path=path, request_id=serving.id)
            if serving.commit in {CommitState.COMMITTING, CommitState.UNKNOWN}:
                await exchange.fail(serving)
            else:
                await exchange.answer("internal_error", INTERNAL_ERROR)
        finally:
            timer.cancel()
            if exchange.expiring is not None:
                await exchange.expiring


class RequestOperation(Operation):
    """A request as an operation, named by its method and route; the router sets the route."""

    def __init__(self, scope: Scope, seconds: float) -> None:
        super().__init__("", scope["state"]["request_id"], seconds)
        self._scope = scope

    @property
    def route(self) -> str:
        """The path's template; empty if no route matches."""
        return getattr(self._scope.get("route"), "path", "")

    @property
    def name(self) -> str:
        """Method and route."""
        return f"{self._scope['method']} {self.route}"


class _Exchange:
    """One request and its only answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, max_body_size: int, drain: Drain) -> None:
        self.scope = scope
        self.status: int | None = None
        self.expiring: asyncio.Task[None] | None = None
        self.drain = drain
        self._receive = receive
        self._send = send
        self._max_body_size = max_body_size
        self._body_size = 0
        self._receiving = False
        """True while the application waits for the body."""

    async def receive(self) -> Message:
        """Return the next part of the body. Raises 413 if the body exceeds its limit."""
        declared = Headers(scope=self.scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self._max_body_size:
            raise self._too_large()
        self._receiving = True
        message = await self._receive()
        self._receiving = False
        if message["type"] == "http.request":
            self._body_size += len(message.get("body", b""))
            if self._body_size > self._max_body_size:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the application's answer, unless the request has expired."""
        if self.expiring is not None:
            return
        await self._forward(message)

    async def fail(self, serving: Operation) -> None:
        """Answer a request that ended before its outcome was known, unless an answer has begun."""
        if self.status is None:
            await fault_response(self.scope, serving.interrupted())(self.scope, self._receive, self._forward)

    async def answer(self, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        """Answer with a problem, unless an answer has begun."""
        if self.status is None:
            await respond(self.scope, code, detail, headers=headers)(self.scope, self._receive, self._forward)

    def expire(self, serving: Operation, task: "asyncio.Task[Any] | None") -> None:
        """Answer now that the time is up, and cancel the request, whose cleanup may take seconds."""
        if self.status is not None or self.expiring is not None or serving.commit is CommitState.COMMITTED:
            return
        self.expiring = asyncio.create_task(self._expired(serving))
        if task is not None:
            task.cancel()

    async def _expired(self, serving: Operation) -> None:
        if self._receiving:
            await self.answer("request_timeout", "The body did not arrive in time.", _CLOSE)
            return
        await self.fail(serving)

    async def _forward(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.scope["state"]["request_id"]
            if self.drain.begun:
                headers.update(_CLOSE)
        async with asyncio.timeout(SEND_TIMEOUT_SECONDS):
            await self._send(message)

    def _too_large(self) -> Problem:
        return Problem("body_too_large", f"A body may have at most {self._max_body_size} bytes.", headers=_CLOSE)


def _record(serving: RequestOperation, scope: Scope, status: int | None, seconds: float) -> None:
    """Count a request and log it; `status` is None if the request was cancelled before an answer began."""
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
