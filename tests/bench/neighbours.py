"""`python -m tests.bench.neighbours`: the p99 of other callers, idle and while one member sends expensive requests.

Every ratio is of two measurements in turn. The member has eight connections, and Folio its default limits.
"""

from __future__ import annotations

import os
import statistics
import sys
from contextlib import ExitStack
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from tests.bench import contestants, databases
from tests.bench.loads import WRK, Generator
from tests.bench.requests import Request
from tests.bench.scenarios import ACCOUNT, TRANSFER

ROUNDS = 3
SECONDS = 4
NEIGHBOURS = 4
CONNECTIONS = 8
MEMBER = "u1".rjust(43, "0")
LIMITS = ("FOLIO_REQUESTS_PER_CALLER", "FOLIO_POOL_SHARE_PER_CALLER", "FOLIO_WRONG_KEYS_PER_MINUTE")
"""The settings that the benchmark turns off, and this measurement leaves on."""


def _of_member(request: Request) -> Request:
    return replace(request, head=request.head.replace("$token", MEMBER))


def _get(path: str, accept: str = "*/*") -> Request:
    return _of_member(
        replace(
            ACCOUNT,
            head=f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
            "Authorization: Bearer folio_$token\r\n",
        )
    )


def _batch(amount: int, *, atomic: bool) -> Request:
    orders = (f'{{"from_account_id":1000,"to_account_id":{1 + n % 999},"amount":{amount}}}' for n in range(1000))
    body = f'{{"atomic":{str(atomic).lower()},"transfers":[{",".join(orders)}]}}'
    head = TRANSFER.head.replace("/transfers", "/transfers/batch")
    return _of_member(Request(head, body))


EXPENSIVE = {
    "batches of 1,000": _batch(1, atomic=True),
    "batches of 1,000, each transfer on its own": _batch(1, atomic=False),
    "batches of 1,000 refusals": _batch(2**53 - 1, atomic=False),
    "searches": _get("/posts?q=word+post"),
    "lists of posts": _get("/posts?limit=100"),
    "lists of transfers": _get("/transfers?limit=100"),
    "CSV statements": _get("/accounts/1000/entries", "text/csv"),
}


def main() -> None:
    """Start Folio with two workers on an embedded server, measure, and print the ratios."""
    table = Table("one member sends, from eight connections", "account read", "transfer")
    only = sys.argv[1:]
    with databases.storage() as folder, ExitStack() as stack:
        server = stack.enter_context(databases.running(folder))
        databases.fill(server)
        urls = {f"FOLIO_{name.upper()}_DATABASE_URL": server.url(f"folio_{name}") for name in ("main", "catalog")}
        for name in LIMITS:
            contestants.FOLIO_SETTINGS.pop(name, None)
        _, port = stack.enter_context(contestants.folio(urls | {"FOLIO_WORKERS": "2"}, folder / "folio.log"))
        for work in (ACCOUNT, TRANSFER):
            Generator(port, work, NEIGHBOURS, 2).finish()
        for name, expensive in EXPENSIVE.items():
            if (name.startswith("CSV") and not WRK) or (only and not any(word in name for word in only)):
                continue
            table.add_row(name, *(_ratio(port, work, expensive) for work in (ACCOUNT, TRANSFER)))
    Console(width=110).print(table, f"load average {os.getloadavg()[0]:.1f}")


def _ratio(port: int, work: Request, expensive: Request) -> str:
    ratios, idles, sent = [], [], 0
    for _ in range(ROUNDS):
        idle = Generator(port, work, NEIGHBOURS, SECONDS).finish()
        member = Generator(port, expensive, CONNECTIONS, SECONDS + 1)
        busy = Generator(port, work, NEIGHBOURS, SECONDS).finish()
        sent += member.finish().requests
        ratios.append(busy.p99 / idle.p99)
        idles.append(idle.p99)
    return f"{statistics.median(ratios):.1f} times {statistics.median(idles):.1f} ms ({sent // ROUNDS} sent)"


if __name__ == "__main__":
    main()
