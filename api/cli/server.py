"""Serve with uvicorn, in this process or in workers, within deadlines that uvicorn lacks."""

import asyncio
import signal
import sys
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.ops import metrics
from api.process import logs
from api.process.drain import grace
from api.process.settings import Settings

HEADERS_TIMEOUT_SECONDS = 10.0
"""Longest time for a request's headers to arrive: uvicorn sets no limit."""
MAX_HEADERS_BYTES = 64 * 1024
"""Largest size of a request's headers."""
LINGER_SECONDS = 0.3
"""Time that an idle connection stays open at shutdown, for a request that its client has just sent."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a deadline and a size limit for the headers of a request."""

    _timer: asyncio.TimerHandle | None = None
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start waiting for the first request."""
        super().connection_made(transport)
        self._await_headers()

    def on_message_begin(self) -> None:
        """Start waiting for the rest of a request's headers."""
        super().on_message_begin()
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Count the bytes that arrive before the headers are complete."""
        if self._timer is not None:
            self._size += len(data)
            if self._size > MAX_HEADERS_BYTES and not self._complete(data):
                self.send_400_response("Request headers too large.")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Stop waiting: RequestMiddleware bounds the rest of the request."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting for a client that left."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_headers(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(HEADERS_TIMEOUT_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        self._size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def shutdown(self) -> None:
        """Close the connection after LINGER_SECONDS: its client may just have sent a request."""
        self.loop.call_later(LINGER_SECONDS, super().shutdown)

    @staticmethod
    def _complete(data: bytes) -> bool:
        return b"\r\n\r\n" in data


class Workers(Multiprocess):
    """uvicorn's worker processes; the last one to end closes the socket, since the parent closes its own copy first."""

    def terminate_all(self) -> None:
        """Tell every worker to end, and close this process's copy of the socket."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()


def application() -> FastAPI:
    """Return the application of a worker process, and configure the process's logs."""
    settings = Settings()
    logs.configure(settings.log_format)
    return create_app(settings)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish accepted requests; SystemExit if the server cannot start."""
    config = uvicorn.Config(
        "api.cli.server:application",
        factory=True,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ForwardedClient judges them
        timeout_graceful_shutdown=grace(settings.drain_time),
    )
    if settings.workers > 1:
        with metrics.of_workers():
            Workers(config, sockets=[config.bind_socket()]).run()
        return
    server = uvicorn.Server(config)
    server.run()
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def stop_on_sigterm() -> None:
    """Turn SIGTERM into SystemExit, so that every context exits: uvicorn raises the signal again after its shutdown."""

    def stop(_: int, __: FrameType | None) -> None:
        # A second signal must not interrupt the exit.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
