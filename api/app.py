"""The application: its routers, and a lifespan in which the pools are open."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api import accounts, api_keys, entries, holds, posts, products, purchases, transfers, users
from api.http import exception_handlers as handlers
from api.http.middleware import RequestMiddleware
from api.http.openapi import DESCRIPTION, describe
from api.ops import audits, health, metrics, pools, status
from api.ops import page as ops
from api.process import jobs as workers
from api.process.drain import Drain
from api.process.settings import DATABASES, Settings
from api.process.startup import serving
from repositories.postgres import failpoints
from repositories.postgres import unit_of_work as units
from repositories.postgres.pools import Database

SETTLE = 4.0
"""Seconds that a shutdown waits for commits under way: longer than one may take."""
LEAST = 0.5
"""The same, where requests have taken all the time there was."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application from settings, by default those of the environment."""
    app = FastAPI(
        title="Folio",
        version="0.1.0",
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    app.state.settings = settings or Settings()
    app.add_middleware(RequestMiddleware)
    handlers.register(app)
    # Before users: /users/me/api-keys must not be read as /users/{id}/api-keys.
    nouns = (
        api_keys,
        users,
        posts,
        accounts,
        entries,
        transfers,
        holds,
        products,
        purchases,
        pools,
        audits,
        status,
        metrics,
        ops,
        health,
    )
    app.state.routers = [module.router for module in nouns]
    for router in app.state.routers:
        app.include_router(router)
    describe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.started_at = datetime.now(UTC)
    app.state.conninfos = serving(settings)
    app.state.databases = {}
    app.state.operations = {}
    app.state.readiness = health.Readiness(app.state.conninfos)
    app.state.drain = Drain()
    app.state.auditing = asyncio.Lock()
    app.state.background = workers.Background()
    failpoints.armed = settings.failpoint
    for name in DATABASES:
        options = settings.pool(name)
        app.state.databases[name] = Database(name, app.state.conninfos[name], options)
        # Whoever is on call is answered however busy the pools are.
        apart = replace(options, min_size=0, max_size=1)
        app.state.operations[name] = Database(
            f"{name} (operations)", app.state.conninfos[name], apart, purpose="operations"
        )
    pools = [*app.state.databases.values(), *app.state.operations.values()]
    for pool in pools:
        await pool.open()
    tasks = [
        asyncio.create_task(worker)
        for worker in (
            _end_with_parent(),
            workers.sweep(app.state.databases["main"], settings.sweep_interval),
            workers.finish_purchases(app.state.databases, settings.sweep_interval),
            workers.finish_leaving(app.state.databases, settings.sweep_interval),
            workers.report(pools),
            workers.audit(
                app.state.operations["main"], app.state.conninfos, settings.audit_interval, app.state.auditing
            ),
        )
    ]
    try:
        with app.state.drain.on_signals(settings.drain_time):
            yield
    finally:
        # No pool closes over a commit under way.
        limit = max(LEAST, app.state.drain.within(SETTLE))
        await asyncio.gather(workers.stop(tasks, limit), app.state.background.stop(limit), units.settle(limit))
        await asyncio.gather(*(pool.close() for pool in pools))


async def _end_with_parent() -> None:
    """End a worker whose parent was killed: nobody else would, and it would keep the port."""
    parent = multiprocessing.parent_process()
    while parent is not None:
        await asyncio.sleep(0.5)
        if os.getppid() != parent.pid:
            signal.raise_signal(signal.SIGTERM)
            return


def _operation_id(route: APIRoute) -> str:
    return route.name
