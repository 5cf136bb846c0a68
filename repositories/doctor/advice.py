"""Advice: how large a pool should be, and why. A pure function of what is known and what was observed.

The rule: twice as many connections as cores, over all workers, since a connection waits for a round trip about as long
as it works; half of them kept open; never more than an equal share of what the server allows. More connections than
that are slower on few cores: measured on 2, with 32 clients and one worker, 4 connections served 1,278 reads a second
and 32 served 760. So long waits call for more only where connections are held long, that is where they wait for a lock,
a disk or a network and not for a core; and where few are ever in use at once, fewer will do.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from repositories.doctor.capacity import OUTSIDE, Demand
from repositories.postgres.pool_stats import PoolStats, quantile

LEAST = 2
"""Connections of a pool at least: one that is held must not stop all others."""
ENOUGH = 200
"""Checkouts before their times say something."""
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""Where Linux says how much CPU time a container may have: microseconds, of as many."""
LONG_WAIT = 0.05
"""Seconds: of a wait for a connection that clients notice."""
LONG_HOLD = 0.025
"""Seconds: several times what a request here holds a connection for while only the CPU bounds it (3 ms on 2 cores)."""


@dataclass(frozen=True)
class Observed:
    """What one worker's pool has seen: seconds of its latest checkouts, and counts since it was opened."""

    checkouts: int
    wait_p95: float
    hold_p50: float
    peak_in_use: int
    turned_away: int

    @classmethod
    def of(cls, stats: PoolStats, waits: Iterable[float], holds: Iterable[float]) -> "Observed":
        """Sum up what a pool knows."""
        return cls(
            checkouts=stats.checkouts,
            wait_p95=quantile(sorted(waits), 0.95),
            hold_p50=quantile(sorted(holds), 0.5),
            peak_in_use=stats.peak_in_use,
            turned_away=stats.timeouts + stats.refusals,
        )


@dataclass(frozen=True)
class Cores:
    """Processors of this machine that this process may use; `server` is whether PostgreSQL is known to run on them."""

    count: int
    server: bool

    @classmethod
    def beside(cls, conninfo: str) -> "Cores":
        """Count them, for a server that a connection string leads to."""
        host = str(conninfo_to_dict(conninfo).get("host") or "")
        return cls(_usable(), host.startswith("/") or host in {"", "localhost", "127.0.0.1", "::1"})

    def __str__(self) -> str:
        cores = _number(self.count, "core")
        return cores if self.server else f"{cores} here (the server's are unknown)"


@dataclass(frozen=True)
class Advice:
    """The sizes that a pool should have in each worker, and why."""

    max_size: int
    min_size: int
    why: str


def advise(database: str, cores: Cores, demand: Demand, observed: Observed | None) -> Advice:
    """Return how large the pool of a database should be in each worker."""
    present = demand.pools[database]
    base = max(LEAST, math.ceil(2 * cores.count / demand.workers))
    workers = _number(demand.workers, "worker")
    size, why = base, f"{cores} and {workers}: 2 connections a core over all workers."
    if observed is None:
        why += " No observation: a running service shows its own under /ops/pools."
    else:
        size, reason = _observed(base, present, observed)
        why = f"{why} {reason}"
    if demand.share < 1:
        size = 1
        most = demand.allowed // (len(demand.pools) * (1 + OUTSIDE))
        why += f" No size fits: the server allows {demand.allowed}, which is enough for {_number(most, 'worker')}."
    elif size > demand.share:
        size = demand.share
        why += (
            f" No more than {size}: the server allows {demand.allowed}, for {workers} with"
            f" {_number(len(demand.pools), 'pool')} each."
        )
    return Advice(max_size=size, min_size=math.ceil(size / 2), why=why)


def _observed(base: int, present: int, seen: Observed) -> tuple[int, str]:
    """Return the size that what was seen calls for, and the reason."""
    if seen.checkouts < ENOUGH:
        return base, f"{seen.checkouts} checkouts are too few to judge by."
    wait, hold = f"{seen.wait_p95 * 1000:.1f} ms", f"{seen.hold_p50 * 1000:.1f} ms"
    # A pool that was never all in use is not what anybody waited for.
    if seen.peak_in_use >= present and (seen.wait_p95 > LONG_WAIT or seen.turned_away):
        pressed = f"1 in 20 waits {wait} or longer, {seen.turned_away} were turned away"
        if seen.hold_p50 <= LONG_HOLD:
            return base, f"{pressed}, but half are held for {hold} or less: the CPU is the limit, not the pool."
        if present >= 2 * base:
            return 2 * base, f"{pressed}, held for {hold} in the middle: look for what holds them, not for more."
        step = min(2 * base, max(base, present + math.ceil(present / 2)))
        return step, f"{pressed}, held for {hold} in the middle: they wait for more than a core, so one step more."
    if 2 * seen.peak_in_use < base:
        return max(LEAST, 2 * seen.peak_in_use), f"Never more than {seen.peak_in_use} in use at once: fewer will do."
    return (
        base,
        f"19 in 20 wait {wait} or less, {seen.peak_in_use} in use at once at the most: no reason for another size.",
    )


def _usable() -> int:
    """Count the cores that this process may run on, or may have the time of, if that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, CPU_MAX.read_text().split())
    except (OSError, ValueError):  # no such file, or "max"
        return cores
    return min(cores, math.ceil(quota / period))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
