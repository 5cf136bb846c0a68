"""The request middleware: id, deadline, limits of the body, log line and metrics, and the 500 for unexpected errors.

Plain ASGI: BaseHTTPMiddleware runs the application in a separate task and has lost disconnects and cancellations.
"""

import asyncio
import os
import re
import time
from functools import partial

import structlog
from prometheus_client import Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.arrivals import Arrivals
from api.http.authentication import identify
from api.http.exchange import BUSY, CLOSE, Exchange
from api.http.types import milliseconds
from api.process import logs
from api.process.callers import InFlight
from api.process.service import Service, service_of
from repositories.postgres import metrics, operation
from repositories.postgres.operation import Operation

log = structlog.get_logger()

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Methods with metric series of their own; the server accepts 40 more, which are counted as `other`."""
HEALTH = frozenset({"/livez", "/readyz"})
"""Paths that are answered even if the process is overloaded: a busy process is alive."""
SINGLE = frozenset({b"authorization", b"content-type", b"host", b"idempotency-key", b"transfer-encoding"})
"""Headers that a request may have only once: a proxy may have read the other one."""


class RequestMiddleware:
    """Answers every HTTP request exactly once, within its deadline, with a request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._arrivals = Arrivals()
        self._metered: dict[tuple[str, str, int | None], tuple[Counter, Histogram]] = {}
        """The metrics by method, route and status: to look them up at each request would cost more than the rest."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; pass other protocols on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["headers"] = headers = _headers(scope)
        state["head"] = scope["method"] == "HEAD"
        if state["head"]:
            # uvicorn omits the body, since its own scope still says HEAD.
            scope = {**scope, "method": "GET"}
        header = headers.get(b"x-request-id", b"")
        state["request_id"] = header.decode() if _REQUEST_ID.fullmatch(header) else os.urandom(16).hex()
        started = time.perf_counter()
        service = service_of(scope["app"])
        settings = service.settings
        exchange = Exchange(scope, receive, send, settings.max_body_size, service.drain, self._arrivals)
        serving = RequestOperation(scope, service.drain.within(settings.request_timeout))
        serving.caller = caller = identify(scope, service.callers)
        state["in_flight"] = in_flight = service.callers.in_flight(caller, counts=scope["path"] not in HEALTH)
        with operation.running(serving), in_flight:
            try:
                await self._serve(exchange, serving, service, in_flight)
            finally:
                self._arrivals.forget(exchange)
                seconds = time.perf_counter() - started
                self._record(serving, exchange.status, seconds, follows=in_flight.follows, logged=settings.log_requests)

    async def _serve(self, exchange: Exchange, serving: Operation, service: Service, in_flight: InFlight) -> None:
        if (refusal := _refusal(exchange.scope)) is not None:
            await exchange.answer(*refusal, CLOSE)
            return
        if exchange.scope["path"] not in HEALTH:
            settings = service.settings
            if service.callers.total_in_flight - len(self._arrivals) > settings.max_requests:
                await exchange.answer("overloaded", "This process is serving as many requests as it may.", BUSY)
                return
            if 0 < settings.requests_per_caller < in_flight.of_caller:
                detail = f"One caller may have at most {settings.requests_per_caller} requests in flight."
                await exchange.answer("too_many_requests", detail, {"Retry-After": "1"})
                return
        exchange.start_timer(serving)
        try:
            with exchange.drain.serving(partial(exchange.expire, serving)):
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
            exchange.timer.cancel()
            if exchange.expiring is not None:
                await exchange.expiring

    def _record(
        self, serving: "RequestOperation", status: int | None, seconds: float, *, follows: bool, logged: bool
    ) -> None:
        """Count a request and log it; `status` is None if the client left or the request was cancelled unanswered.

        The time of a follower is no measure of speed, and is left out of the histogram.
        """
        method, route = serving.method, serving.route
        counted = method if method in METHODS else "other"
        metered = self._metered.get((counted, route, status))
        if metered is None:
            metered = self._metered[counted, route, status] = (
                metrics.REQUESTS.labels(counted, route, str(status or "none")),
                metrics.REQUEST_SECONDS.labels(counted, route),
            )
        metered[0].inc()
        if not follows:
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


def _headers(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers by name. Repeated lines become one list (RFC 9110, 5.3), in the scope too: none is ignored."""
    headers = dict(scope["headers"])
    scope["state"]["repeated"] = ()
    if len(headers) < len(scope["headers"]):
        lines: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            lines.setdefault(name, []).append(value)
        headers = {name: b", ".join(values) for name, values in lines.items()}
        scope["state"]["repeated"] = [name for name, values in lines.items() if len(values) > 1]
        scope["headers"] = [*headers.items()]
    return headers


def _refusal(scope: Scope) -> tuple[str, str] | None:
    """Return code and detail if the connection refused the request or its head is malformed."""
    state = scope["state"]
    if "refusal" in state:
        code, detail = state["refusal"]
        return code, detail
    for name in state["repeated"]:
        if name in SINGLE:
            return "bad_request", f"The request has more than one {name.decode().title()} header."
    headers = state["headers"]
    if scope["http_version"] not in {"1.0", "1.1"}:
        return "bad_request", "The version of HTTP is neither 1.1 nor 1.0."
    if b"host" not in headers and scope["http_version"] == "1.1":
        return "bad_request", "The request has no Host header."
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        return "bad_request", "The only Transfer-Encoding is chunked."
    if b"%2f" in scope["raw_path"].lower():
        return "not_found", "An escaped slash separates no parts of a path."
    return None
