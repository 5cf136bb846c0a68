"""The pools of the worker that answers, for operators: their state, and the work of each checked-out connection."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg
from fastapi import APIRouter
from pydantic import Field

from api.http import problems
from api.http.authentication import OperatorView
from api.http.dependencies import CurrentService
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from api.http.types import Representation, Time, milliseconds
from repositories import server
from repositories.doctor import capacity
from repositories.doctor.advice import Cores, Observations, advise
from repositories.doctor.capacity import Demand
from repositories.postgres import pools
from repositories.postgres.checkouts import CheckedOutConnection
from repositories.postgres.errors import Defect, Fault
from repositories.postgres.pool_stats import PoolStats, sample_quantile
from repositories.postgres.pools import Checkout
from repositories.server import Activity, Blocker, Limits

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)


class Quantiles(Representation):
    """Milliseconds of the latest checkouts, at most 1,000: median, 95th percentile and maximum."""

    p50: float
    p95: float
    max: float

    @classmethod
    def of(cls, seconds: Iterable[float]) -> "Quantiles | None":
        """Return the quantiles of some durations, or None if there are none."""
        ordered = sorted(seconds)
        if not ordered:
            return None
        p50, p95, longest = (sample_quantile(ordered, share) for share in (0.5, 0.95, 1))
        return cls(p50=milliseconds(p50), p95=milliseconds(p95), max=milliseconds(longest))


class CheckedOut(Representation):
    """A checked-out connection."""

    work: str | None = Field(description="the method and route of a request, or the name of a job")
    request_id: str | None
    carries: int = Field(description="requests that the connection carries: several if they are gathered")
    since: Time = Field(description="when the connection was checked out")
    held_ms: float = Field(description="milliseconds since the connection was checked out")
    overdue: bool = Field(description="the connection exceeds the pool's soft limit; the log has the stack")
    backend_pid: int
    state: str | None = Field(description="the backend's state on the server; null if the server could not be queried")
    statement: str | None = Field(description="the file below sql/ that runs, or that ran last")
    statement_ms: float | None = Field(description="milliseconds since that statement began")
    wait_event: str | None = Field(description="the event for which the backend waits")
    blocked_by: list[int] = Field(description="PIDs of the backends whose locks the backend waits for")


class RootBlocker(Representation):
    """A session that blocks connections of a pool, directly or through others, and waits for no lock itself.

    State, times and statement are null if Folio's login lacks `pg_read_all_stats`.
    """

    backend_pid: int = Field(description="0 for a prepared transaction")
    username: str | None
    application: str | None = Field(description="`application_name` of the session")
    database: str | None
    client: str | None = Field(description="network address; null on a Unix socket")
    state: str | None = Field(description="of the session, such as `idle in transaction`")
    state_ms: float | None = Field(description="milliseconds since that state began")
    transaction_ms: float | None = Field(description="age of the transaction in milliseconds")
    statement: str | None = Field(description="the file below sql/ or the query that runs, or that ran last")
    remedy: str | None = Field(description="the SQL that ends the session; null for a prepared transaction")

    @classmethod
    def of(cls, blocker: Blocker) -> "RootBlocker":
        """Show a blocker."""
        return cls(
            backend_pid=blocker.pid,
            username=blocker.username,
            application=blocker.application,
            database=blocker.database,
            client=blocker.client,
            state=blocker.state,
            state_ms=_milliseconds(blocker.state_seconds),
            transaction_ms=_milliseconds(blocker.transaction_seconds),
            statement=blocker.statement,
            remedy=f"SELECT pg_terminate_backend({blocker.pid});" if blocker.pid else None,
        )


class PoolAdvice(Representation):
    """Recommended sizes of a pool in each worker, and the reason."""

    max_size: int
    min_size: int
    why: str


class Pool(Representation):
    """The pool of one database; counts are since the worker started."""

    database: str
    min_size: int
    max_size: int
    max_waiting: int
    timeout_ms: float
    soft_limit_ms: float
    size: int
    in_use: int
    peak_in_use: int = Field(description="most connections checked out at the same time")
    waiting: int = Field(description="requests and jobs that wait for a connection now")
    checkouts: int
    timeouts: int = Field(description="waits for a connection that timed out")
    refusals: int = Field(description="waits refused because the queue was full")
    connects: int = Field(description="connections opened")
    connect_errors: int = Field(description="failed attempts to connect")
    reconnects: int = Field(description="connections that replaced a lost, broken, idle or old one")
    bad_connections: int = Field(description="connections found broken")
    wait_ms: Quantiles | None = Field(description="wait for a connection; null if none was checked out yet")
    hold_ms: Quantiles | None = Field(description="time from checkout to return; null if none was returned yet")
    holders: list[CheckedOut] = Field(description="checked-out connections, the oldest checkout first")
    blockers: list[RootBlocker] = Field(description="root blockers of those connections, the oldest transaction first")
    advice: PoolAdvice | None = Field(description="null if the limits of a server could not be read")


class WorkerPools(Representation):
    """The pools of the worker that answers."""

    worker_pid: int
    at: Time = Field(description="when the pools were read")
    pools: list[Pool]


@dataclass(frozen=True)
class _Snapshot:
    """A pool's holders, the oldest checkout first, and what the server tells if it answers."""

    holders: list[CheckedOutConnection]
    activity: Mapping[int, Activity] = field(default_factory=dict)
    blockers: list[Blocker] = field(default_factory=list)
    limits: Limits | None = None


@router.get("/pools", summary="Show the connection pools", responses=answers("operator_required", *problems.OWN))
async def get_pools(service: CurrentService, main: OperatorView) -> WorkerPools:
    """Show the pools of the worker that answers and their checked-out connections.

    The servers are queried on connections outside these pools, so that exhausted pools can be examined. If the main
    database is away, an operator whose key was found good within the last hour gets what the worker itself knows.
    """
    snapshots = {"main": await _read(service.pools["main"], main)}
    if main is not None:
        await main.give_back()
    try:
        async with service.operator_pools["catalog"].checkout() as checkout:
            snapshots["catalog"] = await _read(service.pools["catalog"], checkout)
    except (Fault, Defect, psycopg.Error):
        snapshots["catalog"] = await _read(service.pools["catalog"], None)
    sizes = {name: pool.options.max_size for name, pool in service.pools.items()}
    limits = {name: snapshot.limits for name, snapshot in snapshots.items() if snapshot.limits is not None}
    # Whether the two pools share a server is known only if both answer.
    demands = capacity.demands(service.settings.workers, sizes, limits) if limits.keys() == sizes.keys() else {}
    pools = [_show(service.pools[name], snapshot, demands.get(name)) for name, snapshot in snapshots.items()]
    return WorkerPools(worker_pid=os.getpid(), at=datetime.now(UTC), pools=pools)


async def _read(pool: pools.Pool, checkout: Checkout | None) -> _Snapshot:
    holders = sorted(pool.checked_out, key=lambda holder: holder.since)
    if checkout is None:
        return _Snapshot(holders)
    pids = [holder.backend_pid for holder in holders]
    activity = await server.read_activity(checkout.connection, pids=pids) if pids else {}
    waiting = [pid for pid, backend in activity.items() if backend.blocked_by]
    blockers = await server.read_blockers(checkout.connection, pids=waiting) if waiting else []
    return _Snapshot(holders, activity, blockers, await server.read_limits(checkout.connection))


def _show(pool: pools.Pool, snapshot: _Snapshot, demand: Demand | None) -> Pool:
    options, stats = pool.options, pool.stats()
    return Pool(
        database=pool.name,
        min_size=options.min_size,
        max_waiting=options.max_waiting,
        timeout_ms=milliseconds(options.timeout),
        soft_limit_ms=milliseconds(options.soft_limit),
        wait_ms=Quantiles.of(pool.counts.wait_seconds),
        hold_ms=Quantiles.of(pool.counts.checkout_seconds),
        holders=[_checked_out(holder, snapshot.activity.get(holder.backend_pid)) for holder in snapshot.holders],
        blockers=[RootBlocker.of(blocker) for blocker in snapshot.blockers],
        advice=demand and _advise(pool, stats, demand),
        **vars(stats),
    )


def _advise(pool: pools.Pool, stats: PoolStats, demand: Demand) -> PoolAdvice:
    observations = Observations.summarize(stats, pool.counts.wait_seconds, pool.counts.checkout_seconds)
    cores = Cores.count_for(pool.conninfo)
    return PoolAdvice.model_validate(advise(pool.name, cores, demand, observations))


def _checked_out(holder: CheckedOutConnection, activity: Activity | None) -> CheckedOut:
    return CheckedOut(
        **holder.members(),
        since=holder.since,
        overdue=holder.overdue,
        state=activity and activity.state,
        statement=activity and activity.statement,
        statement_ms=_milliseconds(activity.query_seconds if activity else None),
        wait_event=activity and activity.wait_event and f"{activity.wait_event_type}: {activity.wait_event}",
        blocked_by=activity.blocked_by if activity else [],
    )


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else milliseconds(seconds)
