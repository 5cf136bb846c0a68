"""Serve Folio, migrate and check its databases, and issue keys. Every command works while `folio serve` runs."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypeVar

import psycopg
import structlog
import typer
from pydantic import TypeAdapter, ValidationError
from rich.markup import escape
from rich.table import Table

from api.cli import doctor, server
from api.cli.terminal import AsJson, complain, fail, output, progress, put, say, screen
from api.http.types import Email, Username
from api.ops.audits import Audit
from api.process import logs, startup
from api.process.settings import Settings, bracketed, complaints
from api.process.startup import StartupError
from repositories.api_keys import ApiKeyRepository, new_secret
from repositories.audit import run as auditing
from repositories.audits import Audit as AuditRow
from repositories.audits import Check
from repositories.embedded import EmbeddedServerError
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import Defect, Fault, Taken
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import Migration, MigrationError
from repositories.users import User, UserRepository

Result = TypeVar("Result")

log = structlog.get_logger()

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
operators = typer.Typer(no_args_is_help=True, help="Manage operators, who read everything and help other users.")
keys = typer.Typer(no_args_is_help=True, help="Manage API keys.")
app.add_typer(operators, name="operator")
app.add_typer(keys, name="key")

Name = Annotated[str, typer.Argument(help="The username.")]


class UsageError(Exception):
    """The command cannot do what its arguments ask for; the message says why."""


def main() -> None:
    """Run the command line. The exit status is 1 if the command failed, 2 if its arguments or settings are wrong."""
    server.stop_on_signals()
    # Logs go to standard error, like everything but results; `serve` configures their format again.
    logs.configure("console")
    try:
        app()
    except (Fault, Defect) as error:
        fail(f"{error} {error.__cause__ or ''}".strip(), 1)
    except (StartupError, EmbeddedServerError, MigrationError) as error:
        fail(str(error), 1)
    except UsageError as error:
        fail(str(error), 2)
    except ValidationError as error:
        for complaint in complaints(error):
            complain(complaint)
        sys.exit(2)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on (FOLIO_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (FOLIO_PORT).")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes (FOLIO_WORKERS).")] = None,
) -> None:
    """Serve Folio over HTTP until SIGTERM or Ctrl-C."""
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            os.environ[f"FOLIO_{name}"] = str(value)
    settings = Settings()
    for database in DATABASES:
        _pool(settings, database)
    logs.configure(settings.log_format)
    # A log collector needs every line in one format, above all the news that PostgreSQL ended.
    announce = say if settings.log_format == "console" else log.info
    with startup.servers(settings, announce, create=True):
        _prepare(settings, announce)
        _run(settings, partial(startup.check_connections, settings))
        _run(settings, partial(startup.check_privileges, settings))
        _run(settings, partial(startup.check_pair, settings))
        url = f"http://{bracketed(settings.host)}:{settings.port}"
        announce(f"Folio serves {url}; documentation: {url}/docs")
        announce(f"To get an operator's key: {sys.argv[0]} operator add NAME")
        server.serve(settings)


@app.command()
def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List pending migrations and apply none.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply pending migrations to both databases."""
    settings = Settings()
    with startup.servers(settings, say):
        if settings.embedded:
            _run(settings, partial(startup.create_databases, settings))
        _run(settings, partial(startup.check_distinct, settings))
        histories = {
            database: _run(settings, partial(migrations.history, conninfo, database))
            for database, conninfo in startup.conninfos(settings).items()
        }
        for database, history in histories.items():
            if history.warning:
                say(f"The {database} database {history.warning}: they stay, and this release serves them.")
        todo = {database: history.pending for database, history in histories.items()}
        if not dry_run:
            todo = _migrate(settings, todo)
            if settings.embedded:
                _run(settings, partial(startup.admit, settings))
    names = {database: [migration.name for migration in files] for database, files in todo.items()}
    if as_json:
        put(json.dumps({"dry_run": dry_run, "migrations": names}))
        return
    for database, listed in names.items():
        verb = "would apply" if dry_run else "applied"
        output.print(f"{database}: {verb} {', '.join(listed)}" if listed else f"{database}: up to date")


@app.command()
def audit(*, as_json: AsJson = False) -> None:
    """Check every invariant of both databases, and store the result; exits with 1 if one is broken."""
    settings = Settings()
    with startup.servers(settings, say), progress() as bar:
        _run(settings, partial(startup.require_migrated, settings))
        task = bar.add_task("audit", total=auditing.CHECK_COUNT)

        def on_check(check: Check) -> None:
            bar.update(task, advance=1, description=check.name)

        async def work() -> AuditRow:
            async with _main_pool(settings, startup.serving(settings)["main"]) as pool:
                return await auditing.run_audit(startup.serving(settings), pool, on_check)

        result = Audit.model_validate(_run(settings, work))
    if as_json:
        put(result.model_dump_json())
    else:
        _show_audit(result)
    if not result.ok:
        sys.exit(1)


app.command()(doctor.doctor)


@operators.command("add")
def add_operator(
    name: Name,
    email: Annotated[str | None, typer.Option(help="E-mail address of a new user.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Make a user an operator, create the user if there is none, and issue a new key.

    This needs the login that migrates: on servers of your own, set FOLIO_MAIN_DATABASE_URL as for `folio migrate`.
    """
    username = _checked(Username, name)
    address = None if email is None else _checked(Email, email)

    async def work(connection: Connection) -> tuple[User, str]:
        users = UserRepository(connection)
        user = await users.get_by_username(username=username)
        if user is None:
            user = await users.insert(username=username, email=address)
        promoted = await users.set_role(id=user.id, role="operator")
        if promoted is None:
            raise UsageError(f"{username} has left.")
        return promoted, await _issue(connection, promoted, "operator")

    _show_key(*_as_owner(work), as_json=as_json)


@operators.command("remove")
def remove_operator(name: Name, *, as_json: AsJson = False) -> None:
    """Make an operator a member again; the user's keys stay.

    This needs the login that migrates: on servers of your own, set FOLIO_MAIN_DATABASE_URL as for `folio migrate`.
    """

    async def work(connection: Connection) -> User:
        users = UserRepository(connection)
        user = await users.get_by_username(username=name)
        demoted = None if user is None else await users.set_role(id=user.id, role="member")
        if demoted is None:
            raise UsageError(f"There is no user {name}.")
        return demoted

    user = _as_owner(work)
    if as_json:
        put(json.dumps({"id": user.id, "username": user.username, "role": user.role}))
        return
    output.print(f"{user.username} is a {user.role} (user {user.id}).")


@keys.command("issue")
def issue_key(username: Name, *, as_json: AsJson = False) -> None:
    """Issue a new key for a user, for instance in place of a lost one."""

    async def work(connection: Connection) -> tuple[User, str]:
        user = await UserRepository(connection).get_by_username(username=username)
        if user is None:
            raise UsageError(f"There is no user {username}.")
        return user, await _issue(connection, user, "issued by the command line")

    _show_key(*_with_main(work, startup.serving), as_json=as_json)


async def _issue(connection: Connection, user: User, name: str) -> str:
    secret = new_secret()
    if await ApiKeyRepository(connection).issue(user_id=user.id, name=name, secret=secret) is None:
        raise UsageError(f"{user.username} has left.")
    return secret


def _as_owner(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    """Run `work` in the main database as the login that migrates: the one that serves can change no role."""
    try:
        return _with_main(work, startup.conninfos)
    except (Fault, Defect) as error:
        if not isinstance(error.__cause__, psycopg.errors.InsufficientPrivilege):
            raise
        raise StartupError(
            "The login of FOLIO_MAIN_DATABASE_URL may not change roles: set it to the URL that `folio migrate` uses."
        ) from error


def _with_main(
    work: Callable[[Connection], Awaitable[Result]], conninfos: Callable[[Settings], Mapping[str, str]]
) -> Result:
    settings = Settings()
    with startup.servers(settings, say):
        _run(settings, partial(startup.require_migrated, settings))
        try:
            return asyncio.run(_in_main(settings, conninfos(settings)["main"], work))
        except Taken as error:
            raise UsageError("The e-mail address or the name is taken.") from error


async def _in_main(settings: Settings, conninfo: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    async with _main_pool(settings, conninfo) as pool, pool.checkout() as checkout:
        # Repeatable: if an unconfirmed COMMIT did succeed, the user is found again, and the lost key was never shown.
        return await units.run(checkout, work, repeatable=True)


@asynccontextmanager
async def _main_pool(settings: Settings, conninfo: str) -> AsyncIterator[Pool]:
    options = replace(settings.pool("main"), min_size=0, max_size=1, timeout=settings.start_timeout)
    pool = Pool("main", conninfo, options, purpose="command")
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def _prepare(settings: Settings, announce: Callable[[str], None] = say) -> None:
    def on_applied(database: str, migration: Migration) -> None:
        announce(f"{database}: applied {migration.name}")

    _run(settings, partial(startup.prepare, settings, on_applied))


def _migrate(settings: Settings, todo: dict[str, list[Migration]]) -> dict[str, list[Migration]]:
    with progress() as bar:
        task = bar.add_task("migrate", total=sum(len(files) for files in todo.values()))

        def on_applied(migration: Migration) -> None:
            bar.update(task, advance=1, description=migration.name)

        return {
            database: _run(settings, partial(migrations.migrate, conninfo, database, on_applied))
            for database, conninfo in startup.conninfos(settings).items()
        }


def _show_key(user: User, secret: str, *, as_json: bool) -> None:
    if as_json:
        put(json.dumps({"id": user.id, "username": user.username, "api_key": secret}))
        return
    screen.print(f"{user.username} ({user.role}, user {user.id}); the key is shown only once:")
    output.print(secret)


def _show_audit(audit: Audit) -> None:
    table = Table("check", "result")
    for check in audit.checks:
        style, result = "green", "ok"
        if check.rows:
            style, result = "red", f"{len(check.rows)} broken rows, such as {check.rows[0]}"
        if check.in_flight:
            result += f", {len(check.in_flight)} in flight"
        table.add_row(check.name, f"[{style}]{escape(result)}[/]")
    output.print(table)


def _checked(type_: Any, value: str) -> str:
    try:
        checked: str = TypeAdapter(type_).validate_python(value)
    except ValidationError as error:
        raise UsageError(f"{value!r} {error.errors()[0]['msg'].removeprefix('Value error, ')}.") from None
    return checked


def _pool(settings: Settings, database: str) -> None:
    try:
        settings.pool(database)
    except ValidationError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from None


def _run(settings: Settings, work: Callable[[], Awaitable[Result]]) -> Result:
    return asyncio.run(startup.patiently(settings, work, say))


if __name__ == "__main__":
    main()
