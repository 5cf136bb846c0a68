"""Advice: sizes for each pool, with the reason; a pure function of cores, workers, limits and observations.

The rule is two connections a core, divided by the workers, since a connection waits for a round trip about as long as
it works. Half of them stay open, and no pool gets more than an equal share of the connections that the server allows.
More connections are slower on few cores: on 2 cores, with 32 clients and one worker, 4 connections served 1,278 reads a
second and 32 served 760. Long waits call for more connections only if requests use a connection for long, because then
they wait for a lock, a disk or a network and not for a core. If few connections are ever in use at once, fewer will do.
"""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from repositories.doctor.capacity import CONNECTIONS_OUTSIDE_POOL, Demand
from repositories.postgres.pool_stats import PoolStats, sample_quantile

MIN_CONNECTIONS = 2
"""Smallest pool: one slow request must not stop all others."""
MIN_CHECKOUTS = 200
"""Checkouts before their times are judged."""
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""CPU time of a container on Linux: microseconds in each period, and the period in microseconds."""
LONG_WAIT_SECONDS = 0.05
"""A wait for a connection that clients notice."""
LONG_USE_SECONDS = 0.025
"""Several times as long as a request uses a connection if only the CPU limits it (3 ms on 2 cores)."""


@dataclass(frozen=True)
class Observations:
    """Observations of one worker's pool: seconds of its latest checkouts, and counts since it was opened."""

    checkouts: int
    wait_p95: float
    use_p50: float
    peak_in_use: int
    turned_away: int

    @classmethod
    def summarize(cls, stats: PoolStats, waits: Iterable[float], uses: Iterable[float]) -> "Observations":
        """Summarize a pool: `waits` and `uses` are the seconds before and during each of its latest checkouts."""
        return cls(
            checkouts=stats.checkouts,
            wait_p95=sample_quantile(sorted(waits), 0.95),
            use_p50=sample_quantile(sorted(uses), 0.5),
            peak_in_use=stats.peak_in_use,
            turned_away=stats.timeouts + stats.refusals,
        )


@dataclass(frozen=True)
class Cores:
    """Cores of this machine that this process may use; `server` is True if PostgreSQL is known to run on them."""

    count: int
    server: bool

    @classmethod
    def count_for(cls, conninfo: str) -> "Cores":
        """Count the cores for the server that a connection string names."""
        host = str(conninfo_to_dict(conninfo).get("host") or "")
        return cls(_count_cores(), host.startswith("/") or host in {"", "localhost", "127.0.0.1", "::1"})

    def __str__(self) -> str:
        cores = _number(self.count, "core")
        return cores if self.server else f"{cores} here (the server's are unknown)"


@dataclass(frozen=True)
class Advice:
    """The recommended sizes of a pool in each worker, and the reason."""

    max_size: int
    min_size: int
    why: str


def advise(database: str, cores: Cores, demand: Demand, observations: Observations | None) -> Advice:
    """Return the recommended sizes of a database's pool in each worker."""
    present = demand.pools[database]
    base = max(MIN_CONNECTIONS, math.ceil(2 * cores.count / demand.workers))
    workers = _number(demand.workers, "worker")
    size, why = base, f"{cores} and {workers}: 2 connections a core over all workers."
    if observations is None:
        why += " Without observations: a running service adds its own under /ops/pools."
    else:
        size, reason = _judge(base, present, observations)
        why = f"{why} {reason}"
    if demand.share < 1:
        size = 1
        workers_allowed = demand.allowed // (len(demand.pools) * (1 + CONNECTIONS_OUTSIDE_POOL))
        why += f" No size fits: the server allows {demand.allowed}, enough for {_number(workers_allowed, 'worker')}."
    elif size > demand.share:
        size = demand.share
        why += (
            f" No more than {size}: the server allows {demand.allowed}, for {workers} with"
            f" {_number(len(demand.pools), 'pool')} each."
        )
    return Advice(max_size=size, min_size=math.ceil(size / 2), why=why)


def _judge(base: int, present: int, observations: Observations) -> tuple[int, str]:
    """Return the size that the observations call for, and the reason."""
    checkouts, peak = observations.checkouts, observations.peak_in_use
    if checkouts < MIN_CHECKOUTS:
        return base, f"{_number(checkouts, 'checkout')}: too few to judge by."
    wait, use = f"{observations.wait_p95 * 1000:.1f} ms", f"{observations.use_p50 * 1000:.1f} ms"
    # If the pool was never exhausted, requests waited for something else.
    if peak >= present and (observations.wait_p95 > LONG_WAIT_SECONDS or observations.turned_away):
        pressure = f"1 in 20 requests waits {wait} or longer, {observations.turned_away} were turned away"
        if observations.use_p50 <= LONG_USE_SECONDS:
            return base, f"{pressure}; half use a connection for {use} or less: the CPU is the limit, not the pool."
        pressure = f"{pressure}; half use a connection for {use} or longer"
        if present >= 2 * base:
            return 2 * base, f"{pressure}: find out why, a larger pool will not help."
        step = min(2 * base, max(base, present + math.ceil(present / 2)))
        return step, f"{pressure}: they wait for more than a core, so one step more."
    if 2 * peak < base:
        return max(MIN_CONNECTIONS, 2 * peak), f"At most {peak} in use at once: fewer will do."
    return base, f"19 in 20 requests wait {wait} or less, at most {peak} in use at once: no reason for another size."


def _count_cores() -> int:
    """Count the cores that this process may run on, or whose CPU time its container gets if that is less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = map(int, CPU_MAX.read_text().split())
    except (OSError, ValueError):  # no such file, or "max"
        return cores
    return min(cores, math.ceil(quota / period))


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
