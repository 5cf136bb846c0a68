"""Serve Folio, migrate and check its databases, and issue keys. Every command works while `folio serve` runs."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import version
from typing import Annotated

import structlog
import typer
from pydantic import ValidationError
from rich.markup import escape
from rich.table import Table

from api.cli import doctor, ephemeral, imports, server
from api.cli.keys import ensure_operator, keys, operators
from api.cli.running import UsageError, main_pool, run
from api.cli.terminal import AsJson, complain, fail, output, progress, put, say
from api.ops.audits import Audit
from api.process import logs, startup
from api.process.settings import Settings, bracketed, complaints
from api.process.startup import StartupError
from repositories.audit import run as auditing
from repositories.audits import Audit as AuditRow
from repositories.embedded import EmbeddedServerError
from repositories.postgres.errors import Defect, Fault
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from repositories.schema.migrations import Migration, MigrationError

log = structlog.get_logger()

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(operators, name="operator")
app.add_typer(keys, name="key")


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        put(f"folio {version('folio')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


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
    *,
    temporary: Annotated[
        bool,
        typer.Option(
            "--ephemeral",
            help="Serve empty databases on a free port without limits, print one line of JSON with the address and an "
            "operator's key, and remove everything at the end: for tests.",
        ),
    ] = False,
) -> None:
    """Serve Folio over HTTP until SIGTERM or Ctrl-C."""
    for name, value in {"HOST": host, "PORT": port, "WORKERS": workers}.items():
        if value is not None:
            os.environ[f"FOLIO_{name}"] = str(value)
    with ephemeral.environment() if temporary else nullcontext():
        _serve(Settings(), temporary=temporary)


def _serve(settings: Settings, *, temporary: bool) -> None:
    for database in DATABASES:
        _pool(settings, database)
    logs.configure(settings.log_format)
    # A log collector needs every line in one format, above all the news that PostgreSQL ended.
    announce = say if settings.log_format == "console" else log.info
    with server.listen(settings) as listener, startup.servers(settings, announce, create=True):
        _prepare(settings, announce)
        operator = ensure_operator(settings) if settings.embedded or settings.migrate_on_start else None
        run(settings, partial(startup.check_connections, settings))
        run(settings, partial(startup.check_privileges, settings))
        run(settings, partial(startup.check_pair, settings))
        url = f"http://{bracketed(settings.host)}:{listener.getsockname()[1]}"
        announce(f"Folio serves {url}; documentation: {url}/docs")
        announce(f"To get an operator's key: {sys.argv[0]} operator add NAME")
        if temporary and operator is not None:
            put(ephemeral.started(settings, url, operator))
        server.serve(settings, listener)


@app.command()
def migrate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List pending migrations and apply none.")] = False,
    grant: Annotated[
        bool, typer.Option("--grant", help="Then run roles.sql, which grants the serving login its privileges.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Apply pending migrations to both databases."""
    settings = Settings()
    with startup.servers(settings, say):
        if settings.embedded:
            run(settings, partial(startup.create_databases, settings))
        run(settings, partial(startup.check_distinct, settings))
        histories = {
            database: run(settings, partial(migrations.history, conninfo, database))
            for database, conninfo in startup.conninfos(settings).items()
        }
        for database, history in histories.items():
            if history.warning:
                say(f"The {database} database {history.warning}: they stay, and this release serves them.")
        todo = {database: history.pending for database, history in histories.items()}
        if not dry_run:
            todo = _migrate(settings, todo)
            if settings.embedded:
                run(settings, partial(startup.admit, settings))
            elif grant:
                run(settings, partial(startup.grant, settings))
            ensure_operator(settings)
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
        run(settings, partial(startup.require_migrated, settings))
        task = bar.add_task("audit", total=100)

        def on_progress(done: float, stage: str) -> None:
            bar.update(task, completed=round(100 * done), description=f"audit: {stage}")

        async def work() -> AuditRow:
            async with main_pool(settings, startup.serving(settings)["main"]) as pool:
                databases = auditing.Databases(startup.serving(settings), pool, settings.main_standby_url)
                return await auditing.run_audit(databases, on_progress)

        result = Audit.model_validate(run(settings, work))
    if as_json:
        put(result.model_dump_json())
    else:
        _show_audit(result)
    if not result.ok:
        sys.exit(1)


app.command()(doctor.doctor)
app.command("import")(imports.import_transfers)


def _prepare(settings: Settings, announce: Callable[[str], None] = say) -> None:
    def on_applied(database: str, migration: Migration) -> None:
        announce(f"{database}: applied {migration.name}")

    run(settings, partial(startup.prepare, settings, on_applied))


def _migrate(settings: Settings, todo: dict[str, list[Migration]]) -> dict[str, list[Migration]]:
    with progress() as bar:
        task = bar.add_task("migrate", total=sum(len(files) for files in todo.values()))

        def on_applied(migration: Migration) -> None:
            bar.update(task, advance=1, description=migration.name)

        return {
            database: run(settings, partial(migrations.migrate, conninfo, database, on_applied))
            for database, conninfo in startup.conninfos(settings).items()
        }


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


def _pool(settings: Settings, database: str) -> None:
    try:
        settings.pool(database)
    except ValidationError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from None


if __name__ == "__main__":
    main()
