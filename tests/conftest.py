"""Fixtures of every test: databases of its own, the application on them, and users."""

import functools
import logging
import os
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import httpx
import psycopg
import pytest
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.cli.protocol import BoundedProtocol
from api.process import logs
from api.process.service import service_of
from api.process.settings import Settings
from repositories.postgres import connections, searching, statements
from repositories.postgres import unit_of_work as units
from repositories.sagas import purchases
from tests.harness import templates
from tests.harness.metrics import Scraper
from tests.harness.processes import until
from tests.harness.world import World

pytest_plugins = ["tests.harness.shop"]

_stack = ExitStack()
_header = ""


def pytest_configure(config: pytest.Config) -> None:
    """Start PostgreSQL, once, before the workers; in all of them, log as Folio does, but no request."""
    global _header  # noqa: PLW0603 - pytest's hooks share nothing else
    logs.configure("console")
    logging.getLogger().setLevel(logging.WARNING)
    # The machine may be stopped for longer than a service should wait.
    connections.CONNECT_TIMEOUT = 60
    connections.ANSWER_TIMEOUT = 70.0
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    for name in [name for name in os.environ if name.startswith("FOLIO_") and not name.startswith("FOLIO_TEST_")]:
        del os.environ[name]
    try:
        from tests.harness import postgres  # noqa: PLC0415 - the Docker client is seconds of CPU that no worker needs

        _header = postgres.start(_stack)
    except BaseException:
        _stack.close()
        raise


def pytest_unconfigure() -> None:
    """Stop PostgreSQL."""
    _stack.close()
    templates.disconnect()


def pytest_report_header() -> str:
    """Say which PostgreSQL the tests run against."""
    return f"PostgreSQL: {_header}"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def databases() -> Iterator[dict[str, str]]:
    """Both databases, migrated, for this test alone: how to connect to each as the administrator."""
    with templates.clones() as conninfos:
        yield conninfos


@pytest.fixture
def served(databases: dict[str, str]) -> dict[str, str]:
    """The same databases, as the application connects to them: with no more privileges than sql/*/roles.sql gives."""
    return {database: templates.served(conninfo) for database, conninfo in databases.items()}


@pytest.fixture
def settings(request: pytest.FixtureRequest, served: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a service that is not hurried, sweeps and audits nothing: a test about any of these sets its own."""
    for name in ("statement_timeout", "lock_timeout", "transaction_timeout"):
        monkeypatch.setitem(connections.REQUEST_BUDGETS, name, "60s")
    monkeypatch.setattr(statements, "LOCK_SECONDS", 60.0)
    monkeypatch.setattr(searching, "TIMEOUT", "60s")
    monkeypatch.setattr(units, "COMMIT_TIMEOUT", 30.0)
    monkeypatch.setenv("FOLIO_POOL_TIMEOUT", "30")
    monkeypatch.setattr(purchases, "TIMEOUT", 60.0)
    monkeypatch.setenv("FOLIO_POOL_MIN_SIZE", "4" if _full_pool(request) else "1")
    return Settings(
        main_database_url=served["main"],
        catalog_database_url=served["catalog"],
        registrations_per_minute=0,
        wrong_keys_per_minute=0,
        sweep_interval=3600,
        audit_interval=0,
    ).model_copy(update={"request_timeout": 60.0})


def _full_pool(request: pytest.FixtureRequest) -> bool:
    """Return True if the test wants every connection open, so that a request which waits for one races with none."""
    return request.node.get_closest_marker("full_pool") is not None


@functools.cache
def _built() -> FastAPI:
    """Build the application once: FastAPI takes a second of CPU for that, and all of a test are its settings."""
    return create_app()


@pytest.fixture
def application(settings: Settings) -> FastAPI:
    """The application, not started."""
    application = _built()
    service_of(application).settings = settings
    return application


@pytest.fixture
async def app(request: pytest.FixtureRequest, application: FastAPI) -> AsyncIterator[FastAPI]:
    """The application, with its pools open."""
    async with application.router.lifespan_context(application):
        if _full_pool(request):
            await service_of(application).pools["main"]._pool.wait(timeout=60)
        yield application


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, without a key."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://folio", timeout=30) as http:
        yield http


@pytest.fixture
def address(application: FastAPI) -> Iterator[str]:
    """Where the application is served over TCP, by the protocol that `folio serve` uses."""
    config = uvicorn.Config(application, port=0, http=BoundedProtocol, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
async def sql(databases: dict[str, str]) -> AsyncIterator[psycopg.AsyncConnection[psycopg.rows.TupleRow]]:
    """A connection to the main database that has nothing to do with the application."""
    async with await psycopg.AsyncConnection.connect(databases["main"], autocommit=True) as connection:
        yield connection


@pytest.fixture
async def catalog(databases: dict[str, str]) -> AsyncIterator[psycopg.AsyncConnection[psycopg.rows.TupleRow]]:
    """A connection to the catalog that has nothing to do with the application."""
    async with await psycopg.AsyncConnection.connect(databases["catalog"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def world(sql: psycopg.AsyncConnection[psycopg.rows.TupleRow]) -> World:
    """People and accounts, put in with raw SQL."""
    return World(sql)


@pytest.fixture
async def scraper(client: httpx.AsyncClient, world: World) -> Scraper:
    """An operator, to read the metrics."""
    return Scraper(client, await world.person("scraper", role="operator"))
