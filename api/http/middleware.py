"""The request middleware: id, deadline, limits of the body, log line and metrics, and the 500 for unexpected errors.

Plain ASGI: BaseHTTPMiddleware runs the application in a separate task and has lost disconnects and cancellations.
"""

import asyncio
import os
import re
import time
from collections.abc import Coroutine, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

import structlog
from prometheus_client import Counter, Histogram
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.http.arrivals import Arrivals
from api.http.authentication import identify
from api.http.faults import INTERNAL_ERROR, fault_response
from api.http.problems import Problem, respond
from api.http.types import milliseconds
from api.process import logs
from api.process.drain import Drain
from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import metrics, operation
from repositories.postgres.operation import CommitState, Operation

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods with metric series of their own; the server accepts 40 more, which are counted as `other`."""
HEALTH = frozenset({"/livez", "/readyz"})
"""Paths that are answered even if the process is overloaded: a busy process is alive."""
SINGLE = (b"authorization", b"content-type", b"host", b"idempotency-key", b"transfer-encoding")
"""Headers that a request may have only once: a proxy may have read the other one."""
# A client whose body was refused unread would continue to send it.
_CLOSE = {"Connection": "close"}
_BUSY = {"Retry-After": "1", **_CLOSE}


class RequestMiddleware:
    """Answers every HTTP request exactly once, within its deadline, with a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._serving = 0
        self._arrivals = Arrivals()
        self._metered: dict[tuple[str, str, int | None], tuple[Counter, Histogram]] = {}
        """The metrics by method, route and status: to look them up at each request would cost more than the rest."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; pass other protocols on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        state = scope.setdefault("state", {})
        state["headers"] = headers
        state["head"] = scope["method"] == "HEAD"
        if state["head"]:
            # uvicorn omits the body, since its own scope still says HEAD.
            scope = {**scope, "method": "GET"}
        header = headers.get(b"x-request-id", b"")
        state["request_id"] = header.decode() if _REQUEST_ID.fullmatch(header) else os.urandom(16).hex()
        self._serving += 1
        started = time.perf_counter()
        service = service_of(scope["app"])
        settings = service.settings
        exchange = _Exchange(scope, receive, send, settings.max_body_size, service.drain, self._arrivals)
        serving = RequestOperation(scope, service.drain.within(settings.request_timeout))
        serving.caller = caller = identify(scope, service.callers)
        counting = nullcontext(0) if scope["path"] in HEALTH else service.callers.in_flight(caller)
        with operation.running(serving), counting as in_flight:
            try:
                await self._serve(exchange, serving, settings, in_flight)
            finally:
                self._serving -= 1
                self._arrivals.forget(exchange)
                self._record(serving, exchange.status, time.perf_counter() - started, logged=settings.log_requests)

    async def _serve(self, exchange: "_Exchange", serving: Operation, settings: Settings, in_flight: int) -> None:
        if (refusal := _refusal(exchange.scope)) is not None:
            await exchange.answer(*refusal, _CLOSE)
            return
        if exchange.scope["path"] not in HEALTH:
            if self._serving - len(self._arrivals) > settings.max_requests:
                await exchange.answer("overloaded", "This process is serving as many requests as it may.", _BUSY)
                return
            if 0 < settings.requests_per_caller < in_flight:
                detail = f"One caller may have at most {settings.requests_per_caller} requests in flight."
                await exchange.answer("too_many_requests", detail, {"Retry-After": "1"})
                return
        expire = partial(exchange.expire, serving)
        timer = asyncio.get_running_loop().call_later(serving.remaining(), expire)
        try:
            with exchange.drain.serving(expire):
                await self._app(exchange.scope, exchange.receive, exchange.send)
        except asyncio.CancelledError:
            if not await exchange.ended_itself(serving):
                raise
        except ClientDisconnect:
            pass  # The client left while it sent its body, so no answer can be sent.
        except Exception:
            path = exchange.scope["path"]
            log.exception("internal error", path=path, request_id=serving.id)
            await exchange.crash(serving)
        finally:
            timer.cancel()
            if exchange.expiring is not None:
                await exchange.expiring

    def _record(self, serving: "RequestOperation", status: int | None, seconds: float, *, logged: bool) -> None:
        """Count a request and log it; `status` is None if the client left or the request was cancelled unanswered."""
        method, route = serving.method, serving.route
        counted = method if method in METHODS else "other"
        metered = self._metered.get((counted, route, status))
        if metered is None:
            metered = self._metered[counted, route, status] = (
                metrics.REQUESTS.labels(counted, route, str(status or "none")),
                metrics.REQUEST_SECONDS.labels(counted, route),
            )
        metered[0].inc()
        metered[1].observe(seconds)
        if logged:
            logs.write(
                "request",
                method=method,
                route=route,
                status=status,
                ms=milliseconds(seconds),
                pool_ms=milliseconds(serving.pool_seconds),
                sql_ms=milliseconds(serving.sql_seconds),
                request_id=serving.id,
                user_id=serving.user_id,
            )


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
    def method(self) -> str:
        """The request's method; a HEAD is served as a GET."""
        method: str = self._scope["method"]
        return method

    @property
    def user_id(self) -> int | None:
        """The owner of the request's key; None without a valid key."""
        user_id: int | None = self._scope["state"].get("user_id")
        return user_id

    @property
    def name(self) -> str:
        """Method and route."""
        return f"{self.method} {self.route}"


class _Exchange:
    """One request and its only answer."""

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

    def expire(self, serving: Operation) -> None:
        """Answer now that the time is up, and cancel the request, whose cleanup may take seconds."""
        if serving.commit is not CommitState.COMMITTED:
            self._end(self._expired(serving))

    def refuse(self) -> None:
        """Answer that too many bodies are arriving, and cancel the request."""
        self._end(self.answer("overloaded", "Too many requests are being sent at once.", _BUSY))

    def _end(self, answering: Coroutine[Any, Any, None]) -> None:
        if self.status is not None or self.expiring is not None:
            answering.close()
            return
        self.expiring = asyncio.create_task(answering)
        if self._task is not None:
            self._task.cancel()

    async def _expired(self, serving: Operation) -> None:
        if self._unread:
            await self.answer("request_timeout", "The body did not arrive in time.", _CLOSE)
            return
        await self.fail(serving)

    async def _forward(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers.raw.append((b"x-request-id", self.scope["state"]["request_id"].encode()))
            self._restrict(headers)
            if self._unread or self.drain.begun:
                headers.update(_CLOSE)
        await self._send(message)

    def _restrict(self, headers: MutableHeaders) -> None:
        """Say which caches may keep an answer. A route whose answer shows a key says `no-store` itself."""
        headers.setdefault("X-Content-Type-Options", "nosniff")
        if self.scope["state"].get("answer_depends_on_key"):
            headers.add_vary_header("Authorization")
        if b"authorization" in self.scope["state"]["headers"]:
            headers.setdefault("Cache-Control", "private, no-cache" if "etag" in headers else "no-store")

    def _too_large(self) -> Problem:
        return Problem("body_too_large", f"A body may have at most {self._max_body_size} bytes.", headers=_CLOSE)


def _refusal(scope: Scope) -> tuple[str, str] | None:
    """Return code and detail if the connection refused the request or its headers are malformed."""
    state, pairs = scope["state"], scope["headers"]
    if "refusal" in state:
        code, detail = state["refusal"]
        return code, detail
    headers = state["headers"]
    if len(headers) < len(pairs):
        names = [name for name, _ in pairs]
        for name in SINGLE:
            if names.count(name) > 1:
                return "bad_request", f"The request has more than one {name.decode().title()} header."
    if b"host" not in headers and scope["http_version"] == "1.1":
        return "bad_request", "The request has no Host header."
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return "bad_request", "The only Transfer-Encoding is chunked."
    return None
