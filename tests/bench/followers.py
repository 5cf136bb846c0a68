"""`python -m tests.bench.followers`: transfers with and without 200 followers, and the delay from COMMIT to event.

Every ratio is of two measurements in turn. The followers read what they are sent and do nothing with it, except one of
each kind, which notes the time from an entry's `created_at`, just before COMMIT, to the arrival of its event.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.bench import contestants, databases
from tests.bench.loads import Generator, Load
from tests.bench.results import percentile
from tests.bench.scenarios import HOT_TRANSFER, TRANSFER
from tests.harness.tail import Tail, tailing
from tests.harness.world import Person

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bench.requests import Request

ROUNDS = 3
SECONDS = 4
CLIENTS = 16
FOLLOWERS = 200
HOT = 10_001
"""The account to which HOT_TRANSFER pays."""


def _owner(account: int) -> Person:
    number = account - 9000 if account > 10_000 else 1 + account % 1000
    return Person(number, f"u{number}", f"folio_{f'u{number}'.rjust(43, '0')}")


class Sink(Tail):
    """A follower that reads and drops the bytes of its stream."""

    async def read_stream(self) -> None:
        """Read one stream until its end."""
        reader, writer = await self.connect()
        with suppress(OSError):
            while await reader.read(1 << 18):
                pass
        writer.close()


class Timed(Tail):
    """A follower that notes the delay of each event in milliseconds."""

    def __init__(self, address: str, account: int, person: Person, after: int) -> None:
        super().__init__(address, account, person, after=after)
        self.delays: list[float] = []

    def take(self, block: str) -> None:
        """Note the delay of an event."""
        known = len(self.entries)
        super().take(block)
        for entry in self.entries[known:]:
            self.delays.append((time.time() - datetime.fromisoformat(entry["created_at"]).timestamp()) * 1000)


@asynccontextmanager
async def following(address: str, accounts: list[int], versions: dict[int, int]) -> AsyncIterator[Timed]:
    """Follow each account in the list from its present version on."""
    timed = Timed(address, accounts[0], _owner(accounts[0]), versions[accounts[0]])
    sinks = [Sink(address, account, _owner(account), after=versions[account]) for account in accounts[1:]]
    async with tailing(timed, *sinks):
        await timed.until(lambda: timed.retries)
        yield timed


async def measure(port: int, work: Request, accounts: list[int], server: databases.Server) -> list[str]:
    """Measure in turn; return the cells of a row."""
    ratios, rates, delays = [], [], []
    for _ in range(ROUNDS):
        alone = await _load(port, work)
        async with following(f"http://127.0.0.1:{port}", accounts, _versions(server)) as timed:
            followed = await _load(port, work)
            delays += timed.delays
        ratios.append((followed.requests / followed.seconds) / (alone.requests / alone.seconds))
        rates.append(alone.requests / alone.seconds)
    async with following(f"http://127.0.0.1:{port}", accounts, _versions(server)) as timed:
        await _load(port, work, clients=1)
        calm = timed.delays
    ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return [f"{statistics.median(rates):.0f}", ratio, _quantiles(calm), _quantiles(delays)]


def _quantiles(delays: list[float]) -> str:
    """Return median and p99; nothing if the account had too few entries."""
    if len(delays) < 20:
        return ""
    return f"{percentile(delays, 50):.0f} / {percentile(delays, 99):.0f} ms ({len(delays)})"


async def _load(port: int, work: Request, clients: int = CLIENTS) -> Load:
    return await asyncio.to_thread(Generator(port, work, clients, SECONDS).finish)


def _versions(server: databases.Server) -> dict[int, int]:
    return dict(databases.rows(server.conninfo("folio_main"), "SELECT id, version FROM accounts"))


def main() -> None:
    """Start Folio on an embedded server, measure, and print the table."""
    table = Table("200 followers", "transfers/s alone", "ratio with them", "delay p50 / p99, 1 client", "16 clients")
    with databases.storage() as folder, ExitStack() as stack:
        server = stack.enter_context(databases.running(folder))
        databases.fill(server)
        urls = {f"FOLIO_{name.upper()}_DATABASE_URL": server.url(f"folio_{name}") for name in ("main", "catalog")}
        _, port = stack.enter_context(contestants.folio(urls, folder / "folio.log"))
        for work in (TRANSFER, HOT_TRANSFER):
            Generator(port, work, CLIENTS, 2).finish()
        for name, work, accounts in (
            ("of one account each, of 10,000", TRANSFER, list(range(1, FOLLOWERS + 1))),
            ("of the account that all pay", HOT_TRANSFER, [HOT] * FOLLOWERS),
        ):
            table.add_row(name, *asyncio.run(measure(port, work, accounts, server)))
    Console(width=120).print(table, f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
