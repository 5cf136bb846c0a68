"""Metrics over HTTP, for operators, in the text format of Prometheus."""

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from api import problems
from api.dependencies import Operator, Purchases
from api.problems import answers

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=PlainTextResponse,
    responses=answers("operator_required", *problems.OWN),
)
async def get_metrics(_: Operator, purchases: Purchases) -> Response:
    """Show what a scraper keeps: purchases that are not at their end, and for how long the oldest has been waiting."""
    found = await purchases.count_unfinished()
    registry = CollectorRegistry()
    unfinished = Gauge(
        "folio_purchases_unfinished", "Purchases that are not at their end", ["state"], registry=registry
    )
    unfinished.labels("pending").set(found.pending)
    unfinished.labels("unconfirmed").set(found.unconfirmed)
    oldest = Gauge(
        "folio_purchases_unfinished_oldest_seconds", "Seconds that the oldest has been waiting", registry=registry
    )
    oldest.set(found.oldest_seconds)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
