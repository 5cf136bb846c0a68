"""From settings to two databases that are there, migrated and large enough: what every command needs first."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import structlog
from psycopg.conninfo import make_conninfo

from api.process.settings import Settings
from repositories import server
from repositories.doctor import capacity
from repositories.doctor.capacity import Demand
from repositories.embedded import EmbeddedServer
from repositories.postgres import connections
from repositories.postgres.errors import DatabaseUnavailable
from repositories.schema import databases, migrations, roles
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import Migration
from repositories.server import Limits

Result = TypeVar("Result")

log = structlog.get_logger()

RETRY_PAUSE = 0.5
"""Seconds between two looks for a database that is away."""
TOO_MANY = "Lower FOLIO_WORKERS or FOLIO_POOL_MAX_SIZE, or raise the server's max_connections."
"""What to do where Folio may need more connections than it may have."""


class StartupError(Exception):
    """Folio cannot start as it is set up; the message says what to do."""


def conninfos(settings: Settings) -> dict[str, str]:
    """Return how to connect to each database: as set, or to the embedded server as its superuser, who migrates it."""
    if settings.main_database_url is not None and settings.catalog_database_url is not None:
        return {"main": settings.main_database_url, "catalog": settings.catalog_database_url}
    embedded = EmbeddedServer(settings.data_dir)
    return {database: embedded.conninfo(databases.embedded_name(database)) for database in DATABASES}


def serving(settings: Settings) -> dict[str, str]:
    """Return how the service connects to each database: as set, or to the embedded server as who can only serve."""
    found = conninfos(settings)
    if not settings.embedded:
        return found
    return {database: make_conninfo(conninfo, user=roles.SERVICE) for database, conninfo in found.items()}


@contextmanager
def servers(settings: Settings, announce: Callable[[str], None]) -> Iterator[None]:
    """Keep the embedded PostgreSQL running until the context ends; nothing where the databases are the user's own."""
    if not settings.embedded:
        yield
        return
    announce(f"No FOLIO_*_DATABASE_URL is set: using the embedded PostgreSQL in {settings.data_dir}")
    with EmbeddedServer(settings.data_dir, announce).running():
        yield


async def patiently(
    settings: Settings, work: Callable[[], Awaitable[Result]], announce: Callable[[str], None]
) -> Result:
    """Do what may be done again until both databases are there; DatabaseUnavailable after `start_timeout`."""
    deadline = time.monotonic() + settings.start_timeout
    announced = False
    while True:
        try:
            return await work()
        except DatabaseUnavailable as error:
            if time.monotonic() > deadline:
                raise
            if not announced:
                announce(f"Waiting for a database, {settings.start_timeout:g} s at the most: {error.__cause__}")
                announced = True
        await asyncio.sleep(RETRY_PAUSE)


async def create_databases(settings: Settings) -> None:
    """Create both databases on the embedded server, unless they exist."""
    await databases.create_databases(EmbeddedServer(settings.data_dir).conninfo("postgres"))


async def prepare(settings: Settings, on_applied: Callable[[str, Migration], None]) -> None:
    """Migrate both databases where that is allowed; StartupError where migrations are pending and it is not.

    On the embedded server who serves gets its privileges here, each time: a release may need others.
    """
    if settings.embedded:
        await create_databases(settings)
    may_migrate = settings.embedded or settings.migrate_on_start
    for database, conninfo in conninfos(settings).items():
        todo = await migrations.pending(conninfo, database)
        if todo and not may_migrate:
            raise StartupError(
                f"The {database} database lacks {len(todo)} migration(s), from {todo[0].name} on. "
                "Run `folio migrate`, or set FOLIO_MIGRATE_ON_START=true."
            )
        if todo:
            await migrations.migrate(conninfo, database, lambda migration, name=database: on_applied(name, migration))  # type: ignore[misc]
    if settings.embedded:
        await admit(settings)


async def admit(settings: Settings) -> None:
    """Let who serves in on the embedded server, with the privileges that this release needs."""
    found = conninfos(settings)
    for database, conninfo in found.items():
        await roles.grant(conninfo, database)
    await roles.admit(found["main"])  # a login is the whole server's: one database's lock guards it


async def check_connections(settings: Settings) -> None:
    """Refuse to start where all workers together may need more connections than a server allows."""
    limits = {}
    for database, conninfo in conninfos(settings).items():
        async with connections.connect(conninfo, purpose="start") as connection:
            limits[database] = await server.read_limits(connection)
    for demand in demands(settings, limits).values():
        if demand.total > demand.allowed:
            raise StartupError(
                f"Folio may need {demand.total} connections ({demand}), but the server at {demand.limits.address} "
                f"allows {demand.allowed}. {TOO_MANY}"
            )


async def check_privileges(settings: Settings) -> None:
    """Warn of each database that is served by a login that could change its tables, or everything."""
    for database, conninfo in serving(settings).items():
        async with connections.connect(conninfo, purpose="start") as connection:
            found = await server.read_privileges(connection)
        if found.superuser or found.owner:
            log.warning(
                "privileged_login",
                database=database,
                login=found.login,
                reason="superuser" if found.superuser else "owner",
                advice=f"Run sql/{database}/roles.sql and serve as a login in {roles.APPLICATION}: see sql/README.md.",
            )


def demands(settings: Settings, limits: Mapping[str, Limits]) -> dict[str, Demand]:
    """Return what Folio, as it is set up, may need of the server of each database."""
    sizes = {database: settings.pool(database).max_size for database in limits}
    return capacity.demands(settings.workers, sizes, limits)
