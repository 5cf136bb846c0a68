"""The service's status, for operators: versions, migrations, slowest routes and unfinished purchases."""

import math
import os
import platform
from collections import defaultdict
from itertools import pairwise

from fastapi import APIRouter, Request
from pydantic import Field

from api.http import problems
from api.http.authentication import OperatorView
from api.http.dependencies import CurrentService
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from api.http.types import Representation, Time, milliseconds
from api.ops.metrics import registry
from api.process.readiness import DatabaseState
from repositories.postgres.metrics import REQUEST_SECONDS, REQUESTS
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)

MAX_ITEMS = 20
"""Most routes, and most purchases, in an answer."""


class AppliedMigration(Representation):
    """A migration that a database has."""

    name: str
    applied_at: Time


class DatabaseStatus(Representation):
    """The state of a database, at most a second old."""

    database: str
    state: str = Field(description="`ready`, or the reason why it is not")
    server_version: str | None = Field(description="null if the database could not be read")
    applied: list[AppliedMigration] = Field(description="in order; empty if the database could not be read")
    pending: list[str] = Field(description="in order; empty if the database could not be read")
    newer: list[str] = Field(description="applied migrations that only a newer release has; no error")

    @classmethod
    def of(cls, database: str, state: DatabaseState) -> "DatabaseStatus":
        """Build the status of a database from its state."""
        history = state.history
        return cls(
            database=database,
            state=state.summary,
            server_version=history and history.server_version,
            applied=[AppliedMigration.model_validate(applied) for applied in history.applied] if history else [],
            pending=[migration.name for migration in history.pending] if history else [],
            newer=[applied.name for applied in history.newer] if history else [],
        )


class Route(Representation):
    """Durations of a route's requests, in all workers since the service started."""

    method: str
    route: str = Field(description="the path's template; empty for requests that match no route")
    requests: int
    errors: int = Field(description="requests answered 5xx")
    mean_ms: float
    p95_ms: float = Field(description="estimated from a histogram, as Prometheus does")


class Traffic(Representation):
    """Requests of all routes, in all workers since the service started; rates are differences of two answers."""

    requests: int
    errors: int = Field(description="requests answered 5xx")


class InFlight(Representation):
    """An unfinished purchase."""

    id: int
    status: str
    since: Time = Field(description="when the purchase was decided, or created if it is pending")


class PurchasesInFlight(Representation):
    """The unfinished purchases."""

    pending: int = Field(description="purchases that are not decided yet")
    unconfirmed: int = Field(description="decided purchases that are not recorded in the catalog yet")
    oldest_seconds: float = Field(description="seconds for which the oldest has been in its state; 0 if there is none")
    oldest: list[InFlight] = Field(description=f"at most {MAX_ITEMS}, the oldest first")


class Status(Representation):
    """Versions, databases, slowest routes and unfinished purchases of the service."""

    version: str = Field(description="version of Folio")
    python: str = Field(description="version of Python")
    worker_pid: int = Field(description="PID of the worker that answers")
    started_at: Time = Field(description="when that worker started")
    followers: int = Field(description="requests that follow an account, in that worker")
    databases: list[DatabaseStatus]
    traffic: Traffic = Field(description="counts since the service started")
    slowest_routes: list[Route] = Field(description=f"at most {MAX_ITEMS}, by p95_ms")
    purchases: PurchasesInFlight | None = Field(description="null if the main database is away")


@router.get("/status", summary="Show the service's status", responses=answers("operator_required", *problems.OWN))
async def get_status(request: Request, service: CurrentService, main: OperatorView) -> Status:
    """Show versions, migrations, the slowest routes and unfinished purchases.

    The connections used are outside the pools of other requests; the answer is complete even if the catalog is away. If
    the main database is away, an operator whose key was found good within the last hour gets the rest.
    """
    purchases = None
    if main is not None:
        purchases = await _unfinished(main.connection)
        await main.give_back()
    routes = slowest_routes()
    return Status(
        version=request.app.version,
        python=platform.python_version(),
        worker_pid=os.getpid(),
        started_at=service.started_at,
        followers=len(service.followers),
        databases=[DatabaseStatus.of(name, state) for name, state in (await service.readiness.databases()).items()],
        traffic=Traffic(requests=sum(route.requests for route in routes), errors=sum(route.errors for route in routes)),
        slowest_routes=routes[:MAX_ITEMS],
        purchases=purchases,
    )


async def _unfinished(connection: Connection) -> PurchasesInFlight:
    purchases = PurchaseRepository(connection)
    counts = await purchases.count_unfinished()
    oldest = await purchases.list_unfinished(limit=MAX_ITEMS)
    return PurchasesInFlight(**vars(counts), oldest=[InFlight.model_validate(purchase) for purchase in oldest])


def slowest_routes() -> list[Route]:
    """Return every route that had a request, the slowest first."""
    buckets: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    sums: dict[tuple[str, str], float] = {}
    errors: dict[tuple[str, str], int] = defaultdict(int)
    [durations] = REQUEST_SECONDS.describe()
    [requests] = REQUESTS.describe()
    families = [collected for collected in registry().collect() if collected.name in {durations.name, requests.name}]
    for sample in (sample for collected in families for sample in collected.samples):
        key = sample.labels["method"], sample.labels["route"]
        if sample.name == f"{durations.name}_bucket":
            buckets[key][float(sample.labels["le"])] = sample.value
        elif sample.name == f"{durations.name}_sum":
            sums[key] = sample.value
        elif sample.name == f"{requests.name}_total" and sample.labels["status"].startswith("5"):
            errors[key] += int(sample.value)
    routes = [
        Route(
            method=method,
            route=route,
            requests=int(cumulative[math.inf]),
            errors=errors[method, route],
            mean_ms=milliseconds(sums[method, route] / cumulative[math.inf]),
            p95_ms=milliseconds(histogram_quantile(cumulative, 0.95)),
        )
        for (method, route), cumulative in buckets.items()
        if cumulative[math.inf]
    ]
    return sorted(routes, key=lambda route: (-route.p95_ms, -route.mean_ms, route.route, route.method))


def histogram_quantile(cumulative: dict[float, float], share: float) -> float:
    """Estimate a quantile from a histogram: the count of values up to each bound, the last of which is infinite.

    Like Prometheus' function of this name: values are spread evenly within their bucket, and a quantile in the last
    bucket is that bucket's lower bound.
    """
    rank = share * cumulative[math.inf]
    bounds = pairwise([(0.0, 0.0), *sorted(cumulative.items())])
    (lower, fewer), (upper, more) = next(bucket for bucket in bounds if bucket[1][1] >= rank)
    return lower if math.isinf(upper) else lower + (upper - lower) * (rank - fewer) / (more - fewer)
