"""A client that follows an account over server-sent events, resumes when a stream ends, and keeps every event."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from tests.harness.world import Person

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.05
"""Seconds to the next attempt; the `retry` of a stream is for clients that are many."""


class Tail:
    """A follower of one account. Sockets in place of a library: 400 of them must not cost a test its CPU."""

    def __init__(self, address: str, account_id: int, person: Person, *, after: int = 0) -> None:
        self._host = urlsplit(address)
        self.account_id = account_id
        self._person = person
        self._writer: asyncio.StreamWriter | None = None
        self._arrived = asyncio.Event()
        self.last = after
        self.versions: list[int] = []
        """The version of each event, in the order of arrival."""
        self.entries: list[dict[str, Any]] = []
        self.retries: list[int] = []
        """The milliseconds of each `retry`."""
        self.comments: list[str] = []
        self.statuses: list[int] = []
        """The status of each answer."""

    async def follow(self) -> None:
        """Follow until cancelled; a stream that ends is resumed."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self.read_stream()
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_stream(self) -> None:
        """Read one stream until its end. Raises OSError or IncompleteReadError if it is cut off."""
        reader, writer = await self.connect()
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.statuses.append(int(head.split(" ", 2)[1]))
            self._arrived.set()
            if self.statuses[-1] == 200:
                async for block in _blocks(reader):
                    self.take(block)
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request for the entries after the last event."""
        reader, self._writer = await asyncio.open_connection(self._host.hostname, self._host.port)
        fields = self._person.headers | {"Host": "folio", "Accept": "text/event-stream"}
        fields["Last-Event-ID"] = str(self.last)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"GET /accounts/{self.account_id}/entries HTTP/1.1\r\n{lines}\r\n".encode())
        return reader, self._writer

    def cut(self) -> None:
        """Cut the connection, as if the client were killed."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until a condition is true that an answer or an event may make true."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    def take(self, block: str) -> None:
        """Keep an event, a comment or a `retry`."""
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        self.comments += [line.removeprefix(": ") for line in block.splitlines() if line.startswith(":")]
        if "retry" in fields:
            self.retries.append(int(fields["retry"]))
        if "data" in fields:
            entry = json.loads(fields["data"])
            assert fields["id"] == str(entry["version"])
            self.entries.append(entry)
            self.last = entry["version"]
            self.versions.append(self.last)
        self._arrived.set()


@contextlib.asynccontextmanager
async def tailing(*tails: Tail) -> AsyncIterator[None]:
    """Let tails follow in this context, and cut them off after it."""
    tasks = [asyncio.create_task(tail.follow()) for tail in tails]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def resumed(tails: Sequence[Tail], paying: Awaitable[None], last: Callable[[Tail], int]) -> None:
    """Cut tails off at random while payments are made; assert that each tail has every version once, in order.

    `last` returns the last version of a tail's account.
    """

    async def cut() -> None:
        chance = random.Random(7)  # noqa: S311 - the same choices in each run
        while True:
            chance.choice(tails).cut()
            await asyncio.sleep(0.02)

    async with tailing(*tails):
        cutting = asyncio.create_task(cut())
        await paying
        cutting.cancel()
        await asyncio.gather(*(tail.until(lambda tail=tail: tail.last >= last(tail)) for tail in tails))  # type: ignore[misc]
    for tail in tails:
        assert tail.versions == list(range(1, last(tail) + 1))
    assert sum(len(tail.statuses) for tail in tails) > len(tails), "no tail was cut off"


async def _blocks(reader: asyncio.StreamReader) -> AsyncIterator[str]:
    """Yield the blocks of a chunked answer of events, without the blank line that ends each."""
    text = ""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        text += (await reader.readexactly(size + 2))[:-2].decode()
        *whole, text = text.split("\n\n")
        for block in whole:
            yield block
