"""Metrics over HTTP, for operators, in the text format of Prometheus: those of all workers, and of the databases."""

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
from api.http.authentication import OnCall
from api.http.dependencies import CurrentService, OperatorMain
from api.http.json_bodies import OperationsRoute
from api.http.problems import answers
from repositories.audits import AuditRepository
from repositories.postgres.statements import Connection
from repositories.purchases import PurchaseRepository

router = APIRouter(tags=["operations"], route_class=OperationsRoute)

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
async def get_metrics(_: OnCall, service: CurrentService, main: OperatorMain) -> Response:
    """Show what a scraper keeps: requests, pools, units of work and transfers of all workers; purchases; the audit."""
    for pool in service.all_pools:
        pool.report()
    stored = await _stored(main.connection, service.settings.audit_interval)
    return Response(generate_latest(counted()) + stored, media_type=CONTENT_TYPE_LATEST)


def counted() -> CollectorRegistry:
    """Return what this process has counted, or all workers together."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        return REGISTRY
    for file in Path(folder).glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not psutil.pid_exists(pid):
            with suppress(FileNotFoundError):  # another worker saw it too
                mark_process_dead(pid, folder)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)
    return registry


async def _stored(connection: Connection, audit_interval: float) -> bytes:
    """Return what the main database knows, the same for every worker, and how often it is to be audited."""
    found = await PurchaseRepository(connection).count_unfinished()
    unfinished = GaugeMetricFamily(
        "folio_purchases_unfinished", "Purchases that are not at their end", labels=["state"]
    )
    unfinished.add_metric(["pending"], found.pending)
    unfinished.add_metric(["unconfirmed"], found.unconfirmed)
    oldest = GaugeMetricFamily(
        "folio_purchases_unfinished_oldest_seconds", "Seconds that the oldest has been waiting", found.oldest_seconds
    )
    interval = GaugeMetricFamily(
        "folio_audit_interval_seconds", "Seconds between scheduled audits; 0: none", audit_interval
    )
    families = [unfinished, oldest, interval]
    audit = await AuditRepository(connection).get_last()
    if audit is not None:
        violations = GaugeMetricFamily(
            "folio_audit_violations", "Rows that break an invariant, 100 at the most", labels=["check"]
        )
        for check in audit.checks:
            violations.add_metric([check["name"]], len(check["rows"]))
        ended = audit.finished_at.timestamp()
        families += [
            violations,
            GaugeMetricFamily("folio_audit_finished_timestamp_seconds", "When the last audit ended", ended),
        ]
    registry = CollectorRegistry()
    registry.register(_Known(families))
    return generate_latest(registry)


class _Known(Collector):
    """Metrics that were read elsewhere: prometheus-client's own would be counted with those of the workers."""

    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> list[GaugeMetricFamily]:
        return self._families
