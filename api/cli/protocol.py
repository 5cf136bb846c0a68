"""One connection: uvicorn's HTTP/1.1 protocol, with the bounds of time, size and number that uvicorn does not set.

SECURITY.md lists the figures. RequestMiddleware judges the request itself.
"""

import asyncio
import math
from typing import cast

import httptools
import structlog
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.cli.connections import Connections, connections_of
from api.cli.refusals import RefusedHead, refusal_of
from api.cli.transports import LeavingTransport, Unchunked, reset, unsent_bytes

log = structlog.get_logger()

HEADERS_TIMEOUT_SECONDS = 10.0
"""Seconds for the headers of a request to arrive, from its first byte, or from the start of the connection."""
MAX_HEADERS_BYTES = 64 * 1024
"""Bytes that the URL and the headers of a request may have together."""
MAX_PIPELINE_DEPTH = 16
"""Requests that may wait on a connection until the one before them is answered."""
SEND_TIMEOUT_SECONDS = 30.0
"""Seconds after which a client that reads nothing of its answer is disconnected."""
LINGER_SECONDS = 2.0
"""Seconds for a client to stop sending once its request was answered unread: closing at once would reset it."""
MAX_DISCARDED_BYTES = 1024 * 1024
"""Bytes that are read and dropped from a client that goes on sending."""
DRAIN_LINGER_SECONDS = 0.3
"""Seconds for a request that is on its way on an idle connection when the process stops accepting requests."""

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class BoundedProtocol(HttpToolsProtocol):
    """A connection that is closed, with a problem if it can be told, when its client exceeds a limit."""

    _others: Connections
    _raw: asyncio.Transport
    _deadline = math.inf
    _in_head = False
    """Whether a request has begun and its headers are incomplete."""
    _idle = True
    """Whether no request is in progress."""
    _heard = False
    """Whether an idle connection has received a byte: its headers are due, however many bytes follow."""
    _deaf = False
    """Whether the connection will be closed and all that still arrives is dropped."""
    _lingering = False
    _head_size = 0
    _discarded = 0
    unacknowledged = False
    """Whether the client may have to acknowledge bytes: the system is asked about no connection that is at rest."""
    _unsent = 0
    _progress_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for the first request."""
        self._raw = transport
        super().connection_made(cast(asyncio.Transport, LeavingTransport(transport, self, self.loop)))
        self._others = connections_of(self.server_state, self.loop)
        self._others.admit(self)
        self._wait(HEADERS_TIMEOUT_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._deaf = True
        self._others.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, within the limits of a request's headers."""
        if self._deaf:
            self._discard(data)
            return
        continues_head = self._idle or self._in_head
        self._head_size += len(data)
        self._feed(data)
        if not (self._in_head and continues_head):
            self._head_size = 0
        elif self._head_size > MAX_HEADERS_BYTES and not self._deaf:
            self._refuse(*self._too_large())
        if self._idle and not self._heard:
            self._heard = True
            self._deadline = self.loop.time() + HEADERS_TIMEOUT_SECONDS

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            refused = error.__context__
            if isinstance(refused, RefusedHead):
                self._refuse(refused.code, refused.detail)
            else:
                self._refuse("bad_request", "The request is not HTTP.")

    def on_message_begin(self) -> None:
        """Note that headers are due."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Start the request, unless its headers or its place in the queue exceed a limit."""
        if self._head_size > MAX_HEADERS_BYTES and self._exact_head_size() > MAX_HEADERS_BYTES:
            raise RefusedHead(*self._too_large())
        if len(self.pipeline) >= MAX_PIPELINE_DEPTH:
            raise RefusedHead("bad_request", f"At most {MAX_PIPELINE_DEPTH} requests may wait on a connection.")
        super().on_headers_complete()
        self.scope["state"]["reset"] = self.reset
        self._in_head = False
        if self._idle:
            self._idle = False
            self._deadline = math.inf
            self._others.waiting.pop(self, None)

    def _should_upgrade(self) -> bool:
        return False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        http_1_0 = cycle.scope["http_version"] == "1.0"
        super()._start_asgi_task(cycle, Unchunked(app, cycle) if http_1_0 else app)

    def on_response_complete(self) -> None:
        """Start the next request of the pipeline, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle = True
        self._heard = self._in_head
        self._wait(HEADERS_TIMEOUT_SECONDS if self._in_head else self.timeout_keep_alive)

    def _wait(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        self._others.waiting[self] = None

    def check(self, now: float) -> None:
        """Close the connection if its time is over, or if its client reads nothing of an answer."""
        unsent = unsent_bytes(self._raw) if self.unacknowledged else 0
        self.unacknowledged = unsent > 0
        if unsent != self._unsent:
            self._unsent, self._progress_at = unsent, now
        elif unsent and now - self._progress_at > SEND_TIMEOUT_SECONDS:
            reset(self._raw)
        if now < self._deadline:
            return
        if self._lingering:
            if not unsent:
                self._raw.abort()
        elif not self.transport.is_closing():
            self.transport.close()

    def reset(self) -> None:
        """Disconnect a client, with all that it has not read."""
        reset(self._raw)

    def leave(self) -> None:
        """Close the connection. If its client may still be sending, end only this side, and drop the rest."""
        if self._raw.is_closing() or self._lingering:
            return
        self._others.waiting.pop(self, None)
        if not (self._deaf or (self.cycle is not None and self.cycle.more_body)):
            self._raw.close()
            return
        self._deaf = self._lingering = True
        self._deadline = self.loop.time() + LINGER_SECONDS
        self.flow.resume_reading()
        self._raw.write_eof()

    @property
    def leaving(self) -> bool:
        """Whether nothing more is sent."""
        return self._lingering or self._raw.is_closing()

    def shutdown(self) -> None:
        """Close the connection once it is idle; its client may just have sent a request."""
        self.loop.call_later(DRAIN_LINGER_SECONDS, super().shutdown)

    def _discard(self, data: bytes) -> None:
        self._discarded += len(data)
        if self._discarded > MAX_DISCARDED_BYTES:
            self._raw.abort()

    def _exact_head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _too_large(self) -> tuple[str, str]:
        limit = f"The URL and the headers of a request may have {MAX_HEADERS_BYTES} bytes."
        return ("uri_too_long" if len(self.url) > MAX_HEADERS_BYTES // 2 else "headers_too_large"), limit

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Serve a request that offers another protocol as HTTP/1.1, and close the connection after its answer.

        The parser stops at the headers of such a request. Another one, given only the length of the body, reads the
        body; nothing after the body is parsed, since proxies may take it for the other protocol.
        """
        self.cycle.keep_alive = False
        framing = [name + b": " + value + b"\r\n" for name, value in self.headers if name in _FRAMING]
        if not framing:
            self._deaf = True
            return
        self.cycle.more_body = True
        self.cycle.message_event.clear()
        self.parser = httptools.HttpRequestParser(_LastBody(self))
        self._feed(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n", rest]))

    def on_last_body_complete(self) -> None:
        """Parse nothing more."""
        self.on_message_complete()
        self._deaf = True

    def _refuse(self, code: str, detail: str) -> None:
        """Answer a problem after the requests that wait, parse nothing more, and close the connection."""
        self._deaf = True
        log.info("request refused", code=code, reason=detail)
        current = self.cycle
        broken_body = current is not None and current.more_body and not self._in_head
        if broken_body and current.response_started:
            current.keep_alive = False
            return
        refusal = refusal_of(self, code, detail)
        if current is None or current.response_complete:
            self._begin(refusal)
        elif not broken_body:
            self.pipeline.appendleft((refusal, self.app))
        elif self.pipeline:
            self.pipeline[0] = (refusal, self.app)
        else:
            current.disconnected = True
            current.message_event.set()
            self._begin(refusal)

    def _begin(self, refusal: RequestResponseCycle) -> None:
        self._idle = False
        self._deadline = math.inf
        self._others.waiting.pop(self, None)
        self.cycle = refusal
        self._start_asgi_task(refusal, self.app)


class _LastBody:
    """Receives from a parser the body of the last request of a connection."""

    def __init__(self, connection: BoundedProtocol) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.on_last_body_complete
