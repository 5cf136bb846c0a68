"""Transports: what a client has yet to read, and answers without chunks for HTTP/1.0."""

import array
import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from typing import Protocol, cast

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, HTTPScope, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class Leaver(Protocol):
    """A connection that decides how it is closed."""

    unacknowledged: bool

    def leave(self) -> None:
        """Close the connection."""

    @property
    def leaving(self) -> bool:
        """Whether nothing more is sent."""


class LeavingTransport:
    """A transport whose `close` lets the client stop sending first.

    The head and the body of an answer are written at different times; both are sent by one system call.
    """

    def __init__(self, transport: asyncio.Transport, connection: Leaver, loop: asyncio.AbstractEventLoop) -> None:
        self._write = transport.write
        self._call_soon = loop.call_soon
        self._written: list[bytes] = []
        self.abort = transport.abort
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info
        self._connection = connection

    def write(self, data: bytes) -> None:
        """Send bytes that the client has to acknowledge."""
        if not self._written:
            self._call_soon(self.flush)
        self._written.append(data)

    def flush(self) -> None:
        """Send all bytes written by now."""
        if self._written:
            self._connection.unacknowledged = True
            self._write(b"".join(self._written))
            self._written.clear()

    def close(self) -> None:
        """Let the connection leave."""
        self.flush()
        self._connection.leave()

    def is_closing(self) -> bool:
        """Return True if nothing more is sent."""
        return self._connection.leaving


class Unchunked:
    """An application for an HTTP/1.0 client, which knows no chunks: an answer without a length ends by closing."""

    def __init__(self, app: ASGI3Application, cycle: RequestResponseCycle) -> None:
        self._app = app
        self._cycle = cycle
        self._streams = False

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve the request."""

        async def forward(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start":
                sized = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                self._streams = not sized and self._cycle.scope["method"] != "HEAD"
                if self._streams:
                    # uvicorn adds neither chunks nor a length to the answer to a HEAD.
                    self._cycle.scope = cast(HTTPScope, {**self._cycle.scope, "method": "HEAD"})
            elif self._streams and message["type"] == "http.response.body":
                await self._cycle.flow.drain()
                if not self._cycle.disconnected:
                    self._cycle.transport.write(message.get("body", b""))
            await send(message)

        await self._app(scope, receive, forward)


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Return the bytes that a client has yet to acknowledge, those that wait in the system's queue included."""
    queued = array.array("i", [0])
    with contextlib.suppress(OSError):
        # The system takes more only when much of its queue is free, minutes apart for a slow client.
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
    return transport.get_write_buffer_size() + queued[0]


def reset(transport: asyncio.Transport) -> None:
    """Abort a connection, with what waits in the system's queue, which would stay there for minutes."""
    with contextlib.suppress(OSError):
        at_once = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.abort()
