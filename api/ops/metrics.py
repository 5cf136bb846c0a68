"""Metrics of all workers and of the main database, for operators, in Prometheus' text format."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from api.http import problems
from api.http.authentication import OperatorView
from api.http.dependencies import CurrentService
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from repositories.audit_passes import AuditPassRepository
from repositories.audits import AuditRepository
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository

router = APIRouter(tags=["operations"], route_class=OperationsRoute)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of prometheus-client: the folder in which the workers of a service store their metrics."""


@contextmanager
def of_workers() -> Iterator[None]:
    """Sum the metrics of all processes that are started in this context."""
    with tempfile.TemporaryDirectory(prefix="folio-metrics-") as folder:
        os.environ[FOLDER] = folder
        yield


@router.get(
    "/metrics",
    summary="Show the metrics",
    response_class=PlainTextResponse,
    responses=answers("operator_required", *problems.OWN),
)
async def get_metrics(service: CurrentService, main: OperatorView) -> Response:
    """Show requests, pools, units of work and transfers of all workers, unfinished purchases and the last audit.

    If the main database is away, an operator whose key was found good within the last hour gets the rest.
    """
    for pool in service.all_pools:
        pool.report()
    stored = b"" if main is None else await _stored(main.connection, service.settings.audit_interval)
    return Response(generate_latest(registry()) + stored, media_type=CONTENT_TYPE_LATEST)


def registry() -> CollectorRegistry:
    """Return the metrics of all workers, or of this process if there is only one."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return REGISTRY
    for file in Path(folder).glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            with suppress(FileNotFoundError):  # another worker has removed it
                mark_process_dead(pid, folder)
    all_workers = CollectorRegistry()
    MultiProcessCollector(all_workers, folder)
    return all_workers


async def _stored(connection: Connection, audit_interval: float) -> bytes:
    """Return the metrics that the main database stores, the same for every worker, and the interval of audits."""
    counts = await PurchaseRepository(connection).count_unfinished()
    unfinished = GaugeMetricFamily("folio_purchases_unfinished", "Unfinished purchases", labels=["state"])
    unfinished.add_metric(["pending"], counts.pending)
    unfinished.add_metric(["unconfirmed"], counts.unconfirmed)
    oldest = GaugeMetricFamily(
        "folio_purchases_unfinished_oldest_seconds",
        "Time of the oldest unfinished purchase in its state",
        counts.oldest_seconds,
    )
    interval = GaugeMetricFamily(
        "folio_audit_interval_seconds", "Seconds between scheduled audits; 0: none", audit_interval
    )
    stalled = GaugeMetricFamily(
        "folio_audit_stalled_seconds",
        "Seconds without progress of the unfinished audit that waits longest; 0: none is unfinished",
        await AuditPassRepository(connection).longest_wait(),
    )
    families = [unfinished, oldest, interval, stalled]
    audit = await AuditRepository(connection).get_last()
    if audit is not None:
        violations = GaugeMetricFamily(
            "folio_audit_violations", "Rows that break an invariant, at most 100", labels=["check"]
        )
        for check in audit.checks:
            violations.add_metric([check["name"]], len(check["rows"]))
        finished = audit.finished_at.timestamp()
        families += [
            violations,
            GaugeMetricFamily("folio_audit_finished_timestamp_seconds", "When the last audit ended", finished),
            GaugeMetricFamily(
                "folio_audit_completed_timestamp_seconds",
                "When the last audit of all rows ended",
                audit.completed_at.timestamp(),
            ),
        ]
    stored = CollectorRegistry()
    stored.register(_Stored(families))
    return generate_latest(stored)


class _Stored(Collector):
    """Metrics read from the database: prometheus-client would add up a gauge of its own over all workers."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families
