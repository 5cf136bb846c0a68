"""`python -m tests.bench.audits`: transfers to one hot account, alone and beside an audit.

With the argument `large`, it measures the time of an audit of five million entries instead.

Every ratio is of two measurements in turn. Two controls tell the causes of a loss apart: a process that only computes
takes a core and touches no row; an open snapshot takes no core, and keeps the server from removing old versions of the
hot account. The CPU time of an audit tells its cost also when other programs share the cores.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import astuple, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import psycopg
from rich.console import Console
from rich.table import Table

from repositories.audit import run, stages
from repositories.audit.run import Databases
from repositories.audit_passes import AuditPassRepository
from repositories.postgres.pools import Pool, PoolOptions
from tests.bench import contestants, databases, pgbench
from tests.bench.loads import Generator, Load
from tests.bench.pgbench import HOT, Script
from tests.bench.scenarios import HOT_TRANSFER
from tests.plans import filling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from contextlib import AbstractAsyncContextManager

    Program = AbstractAsyncContextManager[list[int]]
    """Something that runs beside the load; the PIDs of its processes, without the backends of an audit."""

ROUNDS = 7
SECONDS = 4
CLIENTS = 16
OPTIONS = PoolOptions(1, 2, timeout=30, max_waiting=10, max_lifetime=3600, max_idle=600, soft_limit=3600)
UPDATES = "SELECT n_tup_upd, n_tup_hot_upd, n_dead_tup FROM pg_stat_user_tables WHERE relname = 'accounts'"
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'folio audit %'"
READ = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT balance FROM accounts WHERE id = 10001"


@dataclass(frozen=True)
class Figures:
    """Figures of one measurement."""

    rate: float
    """Transfers per second."""
    slices: float
    """Slices that an audit read, per second."""
    cores: float
    """CPU seconds per second of the program that runs at the same time."""
    hot: float
    """Part of the updates of accounts that stayed on their page (HOT)."""
    dead: int
    """Dead versions of accounts afterwards."""
    pages: int
    """Pages that a read of the hot account touches afterwards."""


class Bench:
    """A load on the databases, and the programs that run at the same time."""

    def __init__(self, conninfos: dict[str, str], load: Callable[[], Load]) -> None:
        self._conninfos = conninfos
        self._load = load
        self._slices = 0

    async def measure(self, beside: Program) -> Figures:
        """Measure the load while a program runs."""
        with psycopg.connect(self._conninfos["main"], autocommit=True) as connection:
            connection.execute("VACUUM accounts")
            updates, hot, _ = connection.execute(UPDATES).fetchone() or ()
            async with beside as own:
                pids = own + [pid for (pid,) in connection.execute(BACKENDS)]
                before, slices = _cpu_seconds(pids), self._slices
                load = await asyncio.to_thread(self._load)
                cores, slices = _cpu_seconds(pids) - before, self._slices - slices
                [[plan]] = connection.execute(READ).fetchone() or ()
            await asyncio.sleep(1)  # a backend reports its counts once a second
            updates_after, hot_after, dead = connection.execute(UPDATES).fetchone() or ()
        return Figures(
            rate=load.requests / load.seconds,
            slices=slices / load.seconds,
            cores=cores / load.seconds,
            hot=(hot_after - hot) / max(updates_after - updates, 1),
            dead=dead,
            pages=plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"],
        )

    @asynccontextmanager
    async def audit(self, share: float | None) -> AsyncIterator[list[int]]:
        """Run an audit of everything that does not end, in this process."""
        pool = Pool("main", self._conninfos["main"], OPTIONS, purpose="bench")
        begun = asyncio.Event()

        def on_progress(*_: object) -> None:
            self._slices += 1
            begun.set()

        async def work() -> None:
            async with pool.checkout() as checkout:
                state = await AuditPassRepository(checkout.connection).insert(seconds=run.LEASE_SECONDS)
            await run._Run(Databases(self._conninfos, pool), state, on_progress, share).work()

        await pool.open()
        task = asyncio.create_task(work())
        try:
            await begun.wait()
            yield [os.getpid()]
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await pool.close()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[list[int]]:
        """Keep a snapshot open."""
        with psycopg.connect(self._conninfos["main"]) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            connection.execute("SELECT FROM users LIMIT 1")
            yield [connection.info.backend_pid]


@asynccontextmanager
async def alone() -> AsyncIterator[list[int]]:
    """Run nothing."""
    yield []


@asynccontextmanager
async def computing() -> AsyncIterator[list[int]]:
    """Run a process that takes a core."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "while True: pass")
    try:
        yield [process.pid]
    finally:
        process.kill()
        await process.wait()


def _cpu_seconds(pids: Iterable[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(time.user + time.system for time in times)


async def table(bench: Bench) -> Table:
    """Measure each program in turn with none."""
    rows = Table("beside the load", "ratio", "transfers/s", "slices/s", "cores", "HOT", "dead", "pages of a read")
    programs: dict[str, Callable[[], Program]] = {
        "an operator's audit": lambda: bench.audit(None),
        "the same without pauses": lambda: bench.audit(1.0),
        "a scheduled audit": lambda: bench.audit(run.SHARE),
        "a process that computes": computing,
        "an open snapshot": bench.snapshot,
    }
    idles: list[Figures] = []
    for name, program in programs.items():
        pairs = [(await bench.measure(alone()), await bench.measure(program())) for _ in range(ROUNDS)]
        ratios = sorted(busy.rate / idle.rate for idle, busy in pairs)
        ratio = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        rows.add_row(name, ratio, *_cells([busy for _, busy in pairs]))
        idles += [idle for idle, _ in pairs]
    rows.add_row("nothing", "", *_cells(idles))
    return rows


def _cells(figures: list[Figures]) -> list[str]:
    medians = (statistics.median(values) for values in zip(*map(astuple, figures), strict=True))
    return [
        form.format(value)
        for form, value in zip(("{:.0f}", "{:.1f}", "{:.2f}", "{:.1%}", "{:.0f}", "{:.0f}"), medians, strict=True)
    ]


async def audit_all(conninfos: dict[str, str]) -> str:
    """Audit everything without load or pauses, and return the duration and the longest slice."""
    pool = Pool("main", conninfos["main"], OPTIONS, purpose="bench")
    await pool.open()
    try:
        ends = [time.monotonic()]
        audit = await run.run_audit(Databases(conninfos, pool), lambda *_: ends.append(time.monotonic()))
    finally:
        await pool.close()
    longest = max(end - begin for begin, end in pairwise(ends))
    return f"{ends[-1] - ends[0]:.0f} s in {len(ends) - 1} slices of at most {longest:.1f} s; ok: {audit.ok}"


def main() -> None:
    """Start an embedded server, measure, and print the result."""
    console = Console(width=120)
    with databases.storage() as folder, ExitStack() as stack:
        server = stack.enter_context(databases.running(folder))
        if sys.argv[1:] == ["large"]:
            databases.create_large(server)
            conninfos = {name: server.conninfo(f"large_{name}") for name in ("main", "catalog")}
            for name, conninfo in conninfos.items():
                filling.fill(conninfo, name, lambda: None)
            console.print(asyncio.run(audit_all(conninfos)))
            return
        stages.ALL *= 1000  # type: ignore[assignment]
        databases.fill(server)
        urls = {f"FOLIO_{name.upper()}_DATABASE_URL": server.url(f"folio_{name}") for name in ("main", "catalog")}
        _, port = stack.enter_context(contestants.folio(urls | {"FOLIO_WORKERS": "1"}, folder / "folio.log"))
        conninfos = {name: server.conninfo(f"folio_{name}") for name in ("main", "catalog")}
        loads: dict[str, Callable[[], Load]] = {
            f"Folio, {CLIENTS} clients": lambda: Generator(port, HOT_TRANSFER, CLIENTS, SECONDS).finish(),
            "pgbench, 2 clients": lambda: pgbench.run(Script(HOT, present=True), conninfos["main"], 2, SECONDS),
        }
        for name, load in loads.items():
            load()
            console.print(name, asyncio.run(table(Bench(conninfos, load))))
    console.print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
