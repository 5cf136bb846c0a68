"""Status over HTTP, for operators: releases, migrations, the slowest routes, and the purchases that are in flight."""

import math
import os
import platform
from collections import defaultdict
from itertools import pairwise

from fastapi import APIRouter, Request
from pydantic import Field

from api.http import problems
from api.http.authentication import OnCall
from api.http.dependencies import CurrentService, OperatorMain
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from api.http.types import Representation, Time, milliseconds
from api.ops.metrics import counted
from api.process.readiness import Look
from repositories.postgres.metrics import REQUEST_SECONDS
from repositories.purchases import PurchaseRepository

router = APIRouter(prefix="/ops", tags=["operations"], route_class=OperationsRoute)

MOST = 20
"""Routes and purchases that are shown."""


class AppliedMigration(Representation):
    """A migration that a database has had."""

    name: str
    applied_at: Time


class DatabaseStatus(Representation):
    """One database, as the last look at it found it, a second ago at the most."""

    database: str
    state: str = Field(description="`ready`, or what is wrong")
    server_version: str | None = Field(description="null where it could not be asked")
    applied: list[AppliedMigration] = Field(description="in order; empty where it could not be asked, as the next")
    pending: list[str]

    @classmethod
    def of(cls, database: str, look: Look) -> "DatabaseStatus":
        """Show what was found of a database."""
        found = look.history
        return cls(
            database=database,
            state=look.state,
            server_version=found and found.server_version,
            applied=[AppliedMigration.model_validate(applied) for applied in found.applied] if found else [],
            pending=[migration.name for migration in found.pending] if found else [],
        )


class Route(Representation):
    """How long the requests of a route took, in all workers since the service started."""

    method: str
    route: str = Field(description="the template of the path; empty for paths that have none")
    requests: int
    mean_ms: float
    p95_ms: float = Field(description="estimated from a histogram, as Prometheus does")


class InFlight(Representation):
    """A purchase that is not at its end."""

    id: int
    status: str
    since: Time = Field(description="of the decision, or of its beginning where it is pending")


class PurchasesInFlight(Representation):
    """The purchases that are not at their end."""

    pending: int = Field(description="not decided yet")
    unconfirmed: int = Field(description="decided, and the catalog is still to be told")
    oldest_seconds: float = Field(description="0 where there is none")
    oldest: list[InFlight] = Field(description=f"the longest waiting first, {MOST} at the most")


class Status(Representation):
    """The service and what it stands on."""

    version: str = Field(description="of Folio")
    python: str
    worker_pid: int = Field(description="of the worker that answers")
    started_at: Time = Field(description="when that worker started")
    databases: list[DatabaseStatus]
    slowest_routes: list[Route] = Field(description=f"by p95_ms, {MOST} at the most")
    purchases: PurchasesInFlight


@router.get("/status", summary="Look at the service", responses=answers("operator_required", *problems.OWN))
async def get_status(_: OnCall, request: Request, service: CurrentService, main: OperatorMain) -> Status:
    """Show releases, migrations, slow routes and unfinished purchases, outside the pools; the catalog may be away."""
    purchases = PurchaseRepository(main.connection)
    unfinished = await purchases.count_unfinished()
    oldest = await purchases.list_unfinished(limit=MOST)
    await main.give_back()
    return Status(
        version=request.app.version,
        python=platform.python_version(),
        worker_pid=os.getpid(),
        started_at=service.started_at,
        databases=[DatabaseStatus.of(name, look) for name, look in (await service.readiness.databases()).items()],
        slowest_routes=slowest_routes()[:MOST],
        purchases=PurchasesInFlight(
            **vars(unfinished), oldest=[InFlight.model_validate(purchase) for purchase in oldest]
        ),
    )


def slowest_routes() -> list[Route]:
    """Return every route that was asked for, the slowest first."""
    buckets: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    sums: dict[tuple[str, str], float] = {}
    [family] = REQUEST_SECONDS.describe()
    for sample in (sample for found in counted().collect() if found.name == family.name for sample in found.samples):
        key = sample.labels["method"], sample.labels["route"]
        if sample.name == f"{family.name}_bucket":
            buckets[key][float(sample.labels["le"])] = sample.value
        elif sample.name == f"{family.name}_sum":
            sums[key] = sample.value
    routes = [
        Route(
            method=method,
            route=route,
            requests=int(cumulative[math.inf]),
            mean_ms=milliseconds(sums[method, route] / cumulative[math.inf]),
            p95_ms=milliseconds(quantile(cumulative, 0.95)),
        )
        for (method, route), cumulative in buckets.items()
        if cumulative[math.inf]
    ]
    return sorted(routes, key=lambda route: (-route.p95_ms, -route.mean_ms, route.route, route.method))


def quantile(cumulative: dict[float, float], share: float) -> float:
    """Estimate a quantile from how many were no greater than each bound, the last of which is infinite.

    As Prometheus' histogram_quantile: evenly spread within a bucket; the last finite bound where it is beyond that.
    """
    rank = share * cumulative[math.inf]
    bounds = pairwise([(0.0, 0.0), *sorted(cumulative.items())])
    (lower, fewer), (upper, more) = next(bucket for bucket in bounds if bucket[1][1] >= rank)
    return lower if math.isinf(upper) else lower + (upper - lower) * (rank - fewer) / (more - fewer)
