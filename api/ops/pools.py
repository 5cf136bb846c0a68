"""Pools over HTTP, for operators: how the answering worker's stand, who holds a connection, and what it does."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from fastapi import APIRouter
from pydantic import Field

from api.http import problems
from api.http.authentication import OnCall
from api.http.dependencies import CurrentService, OperatorMain
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from api.http.types import Representation, Time, milliseconds
from repositories import server
from repositories.doctor import capacity
from repositories.doctor.advice import Cores, Observed, advise
from repositories.doctor.capacity import Demand, Limits
from repositories.postgres import pools
from repositories.postgres.errors import Fault
from repositories.postgres.holders import Holder
from repositories.postgres.pool_stats import PoolStats, quantile
from repositories.postgres.pools import Checkout
from repositories.server import Activity

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)


class Quantiles(Representation):
    """Milliseconds of the latest checkouts, 1,000 at the most: half took no longer than `p50`, and so on."""

    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Quantiles | None":
        """Return None where there was none."""
        ordered = sorted(seconds)
        if not ordered:
            return None
        p50, p95, most = (quantile(ordered, share) for share in (0.5, 0.95, 1))
        return cls(p50=milliseconds(p50), p95=milliseconds(p95), max=milliseconds(most))


class Held(Representation):
    """A connection in somebody's hands."""

    work: str | None = Field(description="the method and route of a request, or the name of a worker")
    request_id: str | None
    since: Time
    held_ms: float
    overdue: bool = Field(description="it exceeds the soft limit: the log has its stack")
    backend_pid: int
    state: str | None = Field(description="what the server says of it, as the rest; null where it could not be asked")
    statement: str | None = Field(description="the file below sql/ that runs, or the last that ran")
    statement_ms: float | None
    wait_event: str | None
    blocked_by: list[int] = Field(description="backends whose locks it waits for")


class PoolAdvice(Representation):
    """The sizes that the pool should have in each worker, and why."""

    max_size: int
    min_size: int
    why: str


class Pool(Representation):
    """The pool of one database."""

    database: str
    min_size: int
    max_size: int
    max_waiting: int
    timeout_ms: float
    soft_limit_ms: float
    size: int
    in_use: int
    peak_in_use: int = Field(description="the most at once since the worker started")
    waiting: int
    checkouts: int = Field(description="since the worker started, as the rest")
    timeouts: int
    refusals: int = Field(description="requests refused since the queue was full")
    connects: int
    connect_errors: int
    reconnects: int
    bad_connections: int
    wait_ms: Quantiles | None
    hold_ms: Quantiles | None
    holders: list[Held] = Field(description="the longest first")
    advice: PoolAdvice | None = Field(description="from the above and the servers' limits; null where one is away")


class Pools(Representation):
    """The pools of the worker that answers."""

    worker_pid: int
    at: Time
    pools: list[Pool]


@dataclass(frozen=True)
class _Seen:
    """Who holds connections of a pool, the longest first, and what the server says of them and of its own limits."""

    holders: list[Holder]
    activity: Mapping[int, Activity]
    limits: Limits | None


@router.get("/pools", summary="Look at the pools", responses=answers("operator_required", *problems.OWN))
async def get_pools(_: OnCall, service: CurrentService, main: OperatorMain) -> Pools:
    """Show the answering worker's pools and who holds their connections, asking the servers outside the pools."""
    seen = {"main": await _look(service.pools["main"], main)}
    await main.give_back()
    try:
        async with service.operator_pools["catalog"].checkout() as checkout:
            seen["catalog"] = await _look(service.pools["catalog"], checkout)
    except (Fault, psycopg.Error):
        seen["catalog"] = await _look(service.pools["catalog"], None)
    sizes = {name: pool.options.max_size for name, pool in service.pools.items()}
    limits = {name: found.limits for name, found in seen.items() if found.limits is not None}
    # Which pools share a server is known once both have answered.
    demands = capacity.demands(service.settings.workers, sizes, limits) if limits.keys() == sizes.keys() else {}
    pools = [_show(service.pools[name], found, demands.get(name)) for name, found in seen.items()]
    return Pools(worker_pid=os.getpid(), at=datetime.now(UTC), pools=pools)


async def _look(pool: pools.Pool, checkout: Checkout | None) -> _Seen:
    holders = sorted(pool.holders, key=lambda holder: holder.since)
    if checkout is None:
        return _Seen(holders, {}, None)
    pids = [holder.backend_pid for holder in holders]
    found = await server.read_activity(checkout.connection, pids=pids) if pids else {}
    return _Seen(holders, found, await capacity.read(checkout.connection))


def _show(pool: pools.Pool, seen: _Seen, demand: Demand | None) -> Pool:
    options, stats = pool.options, pool.stats()
    return Pool(
        database=pool.name,
        min_size=options.min_size,
        max_waiting=options.max_waiting,
        timeout_ms=milliseconds(options.timeout),
        soft_limit_ms=milliseconds(options.soft_limit),
        wait_ms=Quantiles.of(pool.waits),
        hold_ms=Quantiles.of(pool.holds),
        holders=[_held(holder, seen.activity.get(holder.backend_pid)) for holder in seen.holders],
        advice=demand and _advise(pool, stats, demand),
        **vars(stats),
    )


def _advise(pool: pools.Pool, stats: PoolStats, demand: Demand) -> PoolAdvice:
    observed = Observed.of(stats, pool.waits, pool.holds)
    cores = Cores.beside(pool.conninfo)
    return PoolAdvice.model_validate(advise(pool.name, cores, demand, observed))


def _held(holder: Holder, found: Activity | None) -> Held:
    seconds = found.query_seconds if found else None
    return Held(
        **holder.members(),
        since=holder.since,
        overdue=holder.overdue,
        state=found and found.state,
        statement=found and found.statement,
        statement_ms=None if seconds is None else milliseconds(seconds),
        wait_event=found and found.wait_event and f"{found.wait_event_type}: {found.wait_event}",
        blocked_by=found.blocked_by if found else [],
    )
