"""Metrics over HTTP, for operators, in the text format of Prometheus: those of all workers, and of the databases."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from api import problems
from api.dependencies import OnCall, Operations
from api.problems import answers
from repositories.audits import AuditRepository
from repositories.purchases import PurchaseRepository
from repositories.statements import Connection

router = APIRouter(tags=["operations"])

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable, prometheus-client's: where the workers of a service keep what they count."""


@contextmanager
def of_workers() -> Iterator[None]:
    """Let the processes that are started in this context count together."""
    with tempfile.TemporaryDirectory(prefix="folio-metrics-") as folder:
        os.environ[FOLDER] = folder
        yield


@router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=PlainTextResponse,
    responses=answers("operator_required", *problems.OWN),
)
async def get_metrics(_: OnCall, request: Request, operations: Operations) -> Response:
    """Show what a scraper keeps: requests, pools, units of work and transfers of all workers; purchases; the audit."""
    for database in request.app.state.databases.values():
        database.report()
    stored = await _stored(operations.connection)
    return Response(_counted() + generate_latest(stored), media_type=CONTENT_TYPE_LATEST)


def _counted() -> bytes:
    """Return what this process has counted, or all workers together."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return generate_latest(REGISTRY)
    for file in Path(folder).glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)
    return generate_latest(registry)


async def _stored(connection: Connection) -> CollectorRegistry:
    """Read what the main database knows, the same for every worker."""
    registry = CollectorRegistry()
    found = await PurchaseRepository(connection).count_unfinished()
    unfinished = Gauge(
        "folio_purchases_unfinished", "Purchases that are not at their end", ["state"], registry=registry
    )
    unfinished.labels("pending").set(found.pending)
    unfinished.labels("unconfirmed").set(found.unconfirmed)
    Gauge(
        "folio_purchases_unfinished_oldest_seconds", "Seconds that the oldest has been waiting", registry=registry
    ).set(found.oldest_seconds)
    audit = await AuditRepository(connection).get_last()
    if audit is not None:
        violations = Gauge(
            "folio_audit_violations", "Rows that break an invariant, 100 at the most", ["check"], registry=registry
        )
        for check in audit.checks:
            violations.labels(check["name"]).set(len(check["rows"]))
        Gauge("folio_audit_finished_seconds", "When the last audit ended, in Unix time", registry=registry).set(
            audit.finished_at.timestamp()
        )
    return registry
