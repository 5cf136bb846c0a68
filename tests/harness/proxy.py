"""A small TCP proxy in front of PostgreSQL that cuts connections, delays COMMIT and swallows packets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

from psycopg.conninfo import conninfo_to_dict, make_conninfo

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
"""COMMIT as psycopg sends it: a simple query."""


class Trouble(Enum):
    """The trouble that the next COMMIT meets."""

    NONE = "it passes"
    CUT_BEFORE = "the connection ends before COMMIT arrives"
    CUT_AFTER = "COMMIT arrives, the connection ends before its answer does"
    SWALLOW = "COMMIT never arrives and nothing is ever answered"
    DELAY = "COMMIT arrives when it is released"


class Proxy:
    """A proxy between the application and one server."""

    def __init__(self, conninfo: str) -> None:
        self._target = conninfo_to_dict(conninfo)
        self._served = self._target
        self._server: asyncio.Server | None = None
        self._port = 0
        self.trouble = Trouble.NONE
        self.passing = 0
        """Number of COMMITs that pass before one meets the trouble."""
        self.swallowing = False
        """True to swallow every packet. A peer that missed one receives only the end of its connection from then on."""
        self.flowing = asyncio.Event()
        """Clear it to keep all packets in flight, ends of connections too, until it is set again."""
        self.flowing.set()
        self.committing = asyncio.Event()
        """Set once a COMMIT has met the trouble."""
        self.release = asyncio.Event()
        """Set it to let a delayed COMMIT pass."""
        self._writers: list[asyncio.StreamWriter] = []
        self._missing: set[asyncio.StreamWriter] = set()
        self._pipes: set[asyncio.Task[None]] = set()

    @property
    def conninfo(self) -> str:
        """The connection string of the server through the proxy."""
        return make_conninfo("", **self._served | {"host": "127.0.0.1", "port": self._port})

    def turn(self, conninfo: str) -> None:
        """Lead new connections to another server; those that are open stay."""
        self._target = conninfo_to_dict(conninfo)

    async def start(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and refuse new ones."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = str(self._target["host"]), int(self._target.get("port") or 5432)
        if host.startswith("/"):
            there, back = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            there, back = await asyncio.open_connection(host, port)
        self._writers += [writer, back]
        deaf = asyncio.Event()
        for pipe in (self._upstream(reader, back, writer, deaf), self._downstream(there, writer, deaf)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _upstream(
        self,
        reader: asyncio.StreamReader,
        server: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        deaf: asyncio.Event,
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.flowing.wait()
                if COMMIT in data and self.trouble is not Trouble.NONE and self.passing:
                    self.passing -= 1
                    server.write(data)
                elif COMMIT in data and self.trouble is not Trouble.NONE:
                    trouble, self.trouble = self.trouble, Trouble.NONE
                    await self._meet(trouble, data, server, client, deaf)
                else:
                    self._pass(data, server, deaf)
        await self.flowing.wait()
        if not (deaf.is_set() or self.swallowing):
            server.close()

    def _pass(self, data: bytes, to: asyncio.StreamWriter, deaf: asyncio.Event) -> None:
        if self.swallowing:
            self._missing.add(to)
        if not (deaf.is_set() or to in self._missing):
            to.write(data)

    async def _meet(
        self,
        trouble: Trouble,
        data: bytes,
        server: asyncio.StreamWriter,
        client: asyncio.StreamWriter,
        deaf: asyncio.Event,
    ) -> None:
        self.committing.set()
        if trouble is Trouble.DELAY:
            await self.release.wait()
            server.write(data)
            return
        deaf.set()
        if trouble is Trouble.CUT_AFTER:
            server.write(data)
            await server.drain()
        if trouble is not Trouble.SWALLOW:
            client.transport.abort()
            server.close()

    async def _downstream(
        self, reader: asyncio.StreamReader, client: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                await self.flowing.wait()
                self._pass(data, client, deaf)
        await self.flowing.wait()
        if not (deaf.is_set() or self.swallowing):
            client.close()


@asynccontextmanager
async def proxy(conninfo: str) -> AsyncIterator[Proxy]:
    """Run a proxy in front of a server."""
    between = Proxy(conninfo)
    await between.start()
    try:
        yield between
    finally:
        await between.stop()
