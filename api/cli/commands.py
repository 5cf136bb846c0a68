"""The command line: serve, migrate, audit, doctor, operator add, key issue. It works beside a running `folio serve`."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, TypeVar

import structlog
import typer
from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from api.cli import doctor, server
from api.cli.terminal import AsJson, complain, fail, output, progress, put, say, screen
from api.http.types import Email, Username
from api.ops.audits import Audit
from api.process import logs, startup
from api.process.settings import DATABASES, Settings, complaints
from api.process.startup import StartupError
from repositories.api_keys import ApiKeyRepository
from repositories.audit import invariants as audits
from repositories.audits import Check
from repositories.embedded import EmbeddedServerError
from repositories.postgres import unit_of_work as units
from repositories.postgres.errors import Fault, Taken
from repositories.postgres.pools import Pool
from repositories.postgres.statements import Connection
from repositories.schema import migrations
from repositories.schema.migrations import Migration, MigrationError
from repositories.users import User, UserRepository

Result = TypeVar("Result")

log = structlog.get_logger()

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
operators = typer.Typer(no_args_is_help=True, help="Operators: who read everything and help others.")
keys = typer.Typer(no_args_is_help=True, help="API keys.")
app.add_typer(operators, name="operator")
app.add_typer(keys, name="key")

Name = Annotated[str, typer.Argument(help="The username.")]


class UsageError(Exception):
    """What was asked for cannot be; the message says why."""


def main() -> None:
    """Run the command line; 1 when it could not be done, 2 when it was asked for wrongly."""
    server.stop_on_signals()
    # To standard error, as all that is not a result; `serve` says in which form.
    logs.configure("console")
    try:
        app()
    except Fault as error:
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
    workers: Annotated[int | None, typer.Option(help="Processes that serve (FOLIO_WORKERS).")] = None,
) -> None:
    """Serve Folio over HTTP until SIGTERM or Ctrl-C."""
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            os.environ[f"FOLIO_{name}"] = str(value)
    settings = Settings()
    for database in DATABASES:
        _pool(settings, database)
    logs.configure(settings.log_format)
    # A collector wants every line in its form, and above all that PostgreSQL ended.
    announce = say if settings.log_format == "console" else log.info
    with startup.servers(settings, announce):
        _prepare(settings, announce)
        _run(settings, partial(startup.check_connections, settings))
        _run(settings, partial(startup.check_privileges, settings))
        url = f"http://{settings.host}:{settings.port}"
        announce(f"Folio serves {url}; its documentation is {url}/docs")
        announce(f"An operator's key: {sys.argv[0]} operator add NAME")
        server.serve(settings)


@app.command()
def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Apply pending migrations to both databases."""
    settings = Settings()
    with startup.servers(settings, say):
        if settings.embedded:
            _run(settings, partial(startup.create_databases, settings))
        found = {
            name: _run(settings, partial(migrations.pending, url, name))
            for name, url in startup.conninfos(settings).items()
        }
        if not dry_run:
            found = _migrate(settings, found)
            if settings.embedded:
                _run(settings, partial(startup.admit, settings))
    names = {database: [migration.name for migration in todo] for database, todo in found.items()}
    if as_json:
        put(json.dumps({"dry_run": dry_run, "migrations": names}))
        return
    for database, listed in names.items():
        word = "would apply" if dry_run else "applied"
        output.print(f"{database}: {word} {', '.join(listed)}" if listed else f"{database}: up to date")


@app.command()
def audit(*, as_json: AsJson = False) -> None:
    """Check every invariant of both databases; exits with 1 where one is broken."""
    settings = Settings()
    with startup.servers(settings, say), progress() as bar:
        _prepare(settings)
        task = bar.add_task("audit", total=audits.COUNT)

        def on_check(check: Check) -> None:
            bar.update(task, advance=1, description=check.name)

        checks = _run(settings, partial(audits.audit, startup.serving(settings), on_check))
        found = asyncio.run(_in_main(settings, partial(audits.keep, checks=checks)))
    shown = Audit.model_validate(found)
    if as_json:
        put(shown.model_dump_json())
    else:
        _show_audit(shown)
    if not shown.ok:
        sys.exit(1)


app.command()(doctor.doctor)


@operators.command("add")
def add_operator(
    name: Name, email: Annotated[str | None, typer.Option(help="For a new user.")] = None, *, as_json: AsJson = False
) -> None:
    """Make a user an operator, and the user if there is none, and issue a fresh key."""
    username = _checked(Username, name)
    address = None if email is None else _checked(Email, email)

    async def work(connection: Connection) -> tuple[User, str]:
        users = UserRepository(connection)
        user = await users.get_by_username(username=username)
        if user is None:
            user = await users.insert(username=username, email=address)
        promoted = await users.promote(id=user.id)
        if promoted is None:
            raise UsageError(f"{username} has left.")
        return promoted, await _issue(connection, promoted, "operator")

    _show_key(*_with_main(work), as_json=as_json)


@keys.command("issue")
def issue_key(username: Name, *, as_json: AsJson = False) -> None:
    """Issue a fresh key for a user who lost theirs."""

    async def work(connection: Connection) -> tuple[User, str]:
        user = await UserRepository(connection).get_by_username(username=username)
        if user is None:
            raise UsageError(f"There is no user {username}.")
        return user, await _issue(connection, user, "issued by the command line")

    _show_key(*_with_main(work), as_json=as_json)


async def _issue(connection: Connection, user: User, name: str) -> str:
    issued = await ApiKeyRepository(connection).issue(user_id=user.id, name=name)
    if issued is None:
        raise UsageError(f"{user.username} has left.")
    return issued[1]


def _with_main(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    settings = Settings()
    with startup.servers(settings, say):
        _prepare(settings)
        try:
            return asyncio.run(_in_main(settings, work))
        except Taken as error:
            raise UsageError("The e-mail address or the name is taken.") from error


async def _in_main(settings: Settings, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    timeout = settings.start_timeout
    options = replace(settings.pool("main"), min_size=1, max_size=1, timeout=timeout)
    database = Pool("main", startup.serving(settings)["main"], options, purpose="command")
    await database.open()
    try:
        async with database.checkout() as checkout:
            # Run again after a COMMIT that was not confirmed, each of these ends as one that was run once: what was
            # kept or issued the first time is not seen by anybody.
            return await units.run(checkout, work, repeatable=True)
    finally:
        await database.close()


def _prepare(settings: Settings, announce: Callable[[str], None] = say) -> None:
    def on_applied(database: str, migration: Migration) -> None:
        announce(f"{database}: applied {migration.name}")

    _run(settings, partial(startup.prepare, settings, on_applied))


def _migrate(settings: Settings, found: dict[str, list[Migration]]) -> dict[str, list[Migration]]:
    with progress() as bar:
        task = bar.add_task("migrate", total=sum(len(todo) for todo in found.values()))

        def on_applied(migration: Migration) -> None:
            bar.update(task, advance=1, description=migration.name)

        return {
            name: _run(settings, partial(migrations.migrate, url, name, on_applied))
            for name, url in startup.conninfos(settings).items()
        }


def _show_key(user: User, secret: str, *, as_json: bool) -> None:
    if as_json:
        put(json.dumps({"id": user.id, "username": user.username, "api_key": secret}))
        return
    screen.print(f"{user.username} ({user.role}, user {user.id}); the key is shown only here:")
    output.print(secret)


def _show_audit(found: Audit) -> None:
    table = Table("check", "finding")
    for check in found.checks:
        finding = f"[red]{len(check.rows)} broken, such as {check.rows[0]}[/]" if check.rows else "[green]ok[/]"
        table.add_row(check.name, finding + (f", {len(check.in_flight)} in flight" if check.in_flight else ""))
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
