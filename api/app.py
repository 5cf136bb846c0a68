"""The application: its routers, and the lifespan that opens the pools and runs the jobs."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import accounts, api_keys, entries, holds, posts, products, purchases, transfers, users
from api.docs import document, explorer, home
from api.docs import problems as problem_pages
from api.http import exception_handlers
from api.http.forwarded import ForwardedClient
from api.http.middleware import RequestMiddleware
from api.http.route_table import RouteTable
from api.ops import audits, changes, health, metrics, page, pools, status
from api.process import background
from api.process.jobs import jobs
from api.process.service import Service, service_of
from api.process.settings import Settings, networks
from repositories.postgres import failpoints, unit_of_work

ROUTERS = [
    module.router
    for module in (
        api_keys,  # before users, so that /users/me/api-keys does not match /users/{id}/api-keys
        *(users, posts, accounts, entries, transfers, holds, products, purchases),
        *(pools, audits, changes, status, metrics, page, health),
        *(home, document, explorer, problem_pages),
    )
]
SETTLE_SECONDS = 4.0
"""Seconds that a shutdown waits for commits in flight: longer than a COMMIT may take."""
MIN_SETTLE_SECONDS = 0.5
"""Seconds that a shutdown waits for commits if requests have used up the time of the drain."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application from settings, by default from the environment."""
    app = FastAPI(
        title="Folio",
        version="0.1.0",
        lifespan=_lifespan,
        redirect_slashes=False,
        openapi_url=None,
        generate_unique_id_function=_operation_id,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # Folio has metrics and logs of its own
    )
    app.state.service = Service(settings or Settings())
    app.add_middleware(RequestMiddleware)
    if trusted := networks(app.state.service.settings.trusted_proxies):
        app.add_middleware(ForwardedClient, trusted=trusted)
    exception_handlers.register(app, ROUTERS)
    app.router.routes.insert(0, RouteTable(ROUTERS))
    for router in ROUTERS:
        app.include_router(router)
    document.describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    document.build(app)
    service = service_of(app)
    failpoints.armed = service.settings.failpoint
    await service.open()
    tasks = [asyncio.create_task(job) for job in (_end_with_parent(), *jobs(service))]
    try:
        with service.drain.on_signals(service.settings.drain_time):
            yield
    finally:
        # A pool must not close while a COMMIT is in flight.
        limit = max(MIN_SETTLE_SECONDS, service.drain.within(SETTLE_SECONDS))
        await asyncio.gather(background.stop(tasks, limit), service.background.stop(limit), unit_of_work.settle(limit))
        await service.close()


async def _end_with_parent() -> None:
    """End this worker if its parent was killed; it would keep the port otherwise."""
    parent = multiprocessing.parent_process()
    while parent is not None:
        await asyncio.sleep(0.5)
        if os.getppid() != parent.pid:
            signal.raise_signal(signal.SIGTERM)
            return


def _operation_id(route: APIRoute) -> str:
    return route.name
