"""Start-up: from settings to two databases that exist, are migrated and allow enough connections."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import structlog

from api.process.settings import SAME_DATABASE, Settings
from repositories import server
from repositories.doctor import capacity
from repositories.doctor.capacity import Demand
from repositories.embedded import EmbeddedServer
from repositories.postgres import connections, poolers
from repositories.postgres.errors import DatabaseUnavailable, Fault
from repositories.postgres.poolers import Pooler
from repositories.schema import databases, migrations, pair, privileges, roles
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import Migration
from repositories.server import Limits

Result = TypeVar("Result")

log = structlog.get_logger()

RETRY_SECONDS = 0.5
"""Seconds between two attempts to reach a database."""
TOO_MANY = "Lower FOLIO_WORKERS or FOLIO_POOL_MAX_SIZE, or raise the server's max_connections."
"""Advice if Folio may need more connections than the server allows."""


class StartupError(Exception):
    """Folio cannot start with these settings; the message names the change that is needed."""


def conninfos(settings: Settings) -> dict[str, str]:
    """Return the conninfo of each database for migrations: from the settings, or the embedded server's superuser."""
    if settings.main_database_url is not None and settings.catalog_database_url is not None:
        return {"main": settings.main_database_url, "catalog": settings.catalog_database_url}
    embedded = EmbeddedServer(settings.data_dir)
    return {database: embedded.conninfo(databases.embedded_name(database)) for database in DATABASES}


def serving(settings: Settings) -> dict[str, str]:
    """Return the conninfo of each database for serving: from the settings, or the embedded server's service role."""
    if not settings.embedded:
        return conninfos(settings)
    embedded = EmbeddedServer(settings.data_dir)
    return {
        database: embedded.conninfo(databases.embedded_name(database), user=roles.SERVICE) for database in DATABASES
    }


@contextmanager
def servers(settings: Settings, announce: Callable[[str], None], *, create: bool = False) -> Iterator[None]:
    """Run the embedded PostgreSQL until the context ends; a no-op if the settings name databases.

    Raises StartupError if there is no embedded server yet, unless `create` is True. libpq's variables (PGHOSTADDR,
    PGSERVICE, …) are meant for other servers, so they are removed from the environment of this process.
    """
    if not settings.embedded:
        yield
        return
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    if not create and not EmbeddedServer(settings.data_dir).exists:
        raise StartupError(
            f"No FOLIO_*_DATABASE_URL is set, and there is no embedded PostgreSQL in {settings.data_dir.absolute()} "
            "yet: run `folio serve`, which creates it."
        )
    announce(f"No FOLIO_*_DATABASE_URL is set: using the embedded PostgreSQL in {settings.data_dir}")
    with EmbeddedServer(settings.data_dir, announce).running():
        yield


async def patiently(
    settings: Settings,
    work: Callable[[], Awaitable[Result]],
    announce: Callable[[str], None],
    faults: type[Fault] = DatabaseUnavailable,
) -> Result:
    """Retry idempotent work after these faults, by default until both databases are reachable.

    Raises the fault that still occurs after `start_timeout`.
    """
    deadline = time.monotonic() + settings.start_timeout
    announced = False
    while True:
        try:
            return await work()
        except faults as error:
            if time.monotonic() > deadline:
                raise
            if not announced:
                announce(f"Waiting up to {settings.start_timeout:g} s for a database: {error.__cause__ or error}")
                announced = True
        await asyncio.sleep(RETRY_SECONDS)


async def create_databases(settings: Settings) -> None:
    """Create both databases on the embedded server, unless they exist."""
    await databases.create_databases(EmbeddedServer(settings.data_dir).conninfo("postgres"))


async def prepare(settings: Settings, on_applied: Callable[[str, Migration], None]) -> None:
    """Migrate both databases if that is allowed. Raises StartupError if it is not and migrations are pending.

    On the embedded server each start grants the service role its privileges again: a release may need new ones.
    """
    if settings.embedded:
        await create_databases(settings)
    await check_distinct(settings)
    may_migrate = settings.embedded or settings.migrate_on_start
    if not may_migrate:
        await require_migrated(settings)
    for database, conninfo in conninfos(settings).items():
        history = await migrations.history(conninfo, database)
        pending = history.pending
        if history.warning:
            log.warning("newer_migrations", database=database, warning=f"The database {history.warning}.")
        if pending:
            await migrations.migrate(conninfo, database, lambda migration, name=database: on_applied(name, migration))  # type: ignore[misc]
    if settings.embedded:
        await admit(settings)


async def require_migrated(settings: Settings) -> None:
    """Raise StartupError if migrations are pending; changes nothing."""
    await check_distinct(settings)
    for database, conninfo in conninfos(settings).items():
        pending = await migrations.pending(conninfo, database)
        if pending:
            raise StartupError(
                f"The {database} database lacks {len(pending)} migration(s), from {pending[0].name} on. "
                "Run `folio migrate`, or set FOLIO_MIGRATE_ON_START=true for `folio serve`."
            )


async def check_distinct(settings: Settings) -> None:
    """Raise StartupError if both URLs lead to one database, for instance by two names of its host.

    Also if one leads through a pooler in transaction mode, on which no session can rely.
    """
    if settings.embedded:
        return
    for database, conninfo in conninfos(settings).items():
        if await poolers.find(conninfo, purpose="start") is Pooler.TRANSACTION:
            raise StartupError(
                f"A pooler in transaction mode leads to the {database} database: set pool_mode = session, or name the "
                "server in the URL. Folio relies on the budgets and prepared statements of its sessions."
            )
    identities = set()
    for conninfo in conninfos(settings).values():
        async with connections.connect(conninfo, purpose="start") as connection:
            identities.add(await server.read_identity(connection))
    if len(identities) == 1:
        raise StartupError(f"{SAME_DATABASE}.")


async def grant(settings: Settings) -> None:
    """Grant the service role the privileges that this release needs, as the login that migrates."""
    for database, conninfo in conninfos(settings).items():
        await roles.grant(conninfo, database)


async def admit(settings: Settings) -> None:
    """Let the service role log in to the embedded server, with the privileges that this release needs."""
    await grant(settings)
    # Roles belong to the whole server: the lock of one database guards them.
    await roles.admit(conninfos(settings)["main"], EmbeddedServer(settings.data_dir).password(roles.SERVICE))


async def check_connections(settings: Settings) -> None:
    """Raise StartupError if all workers together may need more connections than a server allows."""
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
    """Raise StartupError if the login that serves lacks a privilege of roles.sql.

    Log a warning for each database that Folio serves as a superuser or as the owner of its tables.
    """
    for database, conninfo in serving(settings).items():
        async with connections.connect(conninfo, purpose="start") as connection:
            login = await server.read_privileges(connection)
            missing = await privileges.missing(connection, database)
        if missing:
            raise StartupError(f"In the {database} database, {privileges.lacks(database, missing)}.")
        if login.superuser or login.owner:
            log.warning(
                "privileged_login",
                database=database,
                login=login.login,
                reason="superuser" if login.superuser else "owner",
                advice=f"Run roles.sql as sql/README.md says, and serve as a member of {roles.APPLICATION}.",
            )


async def check_pair(settings: Settings) -> None:
    """Raise StartupError if a database refers to ids that the other would give again: one was restored alone."""
    result = await pair.compare(serving(settings), purpose="start")
    if result.lost:
        raise StartupError(
            f"The two databases are of different times: {'; '.join(map(str, result.lost))}. Restore both to one time, "
            "or follow docs/backup.md; `folio doctor` prints the statements."
        )
    if not result.comparable:
        log.info("pair_not_compared", reason="each node gives ids from a range of its own")


def demands(settings: Settings, limits: Mapping[str, Limits]) -> dict[str, Demand]:
    """Return the connections that Folio may need of each database's server with these settings."""
    sizes = {database: settings.pool(database).max_size for database in limits}
    return capacity.demands(settings.workers, sizes, limits)
