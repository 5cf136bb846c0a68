"""`folio` on servers of the user's own: refusals, and several processes at once."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import httpx
import psycopg
import pytest
from uvicorn.config import STARTUP_FAILURE

from api.cli import server
from api.process import startup
from api.process.settings import Settings
from repositories.postgres.errors import DatabaseUnavailable
from repositories.schema import migrations
from tests.harness import templates
from tests.harness.processes import Service, command, environment, printed, service, until
from tests.harness.proxy import proxy


@pytest.fixture
def settings(served: dict[str, str]) -> dict[str, str]:
    return {"FOLIO_MAIN_DATABASE_URL": served["main"], "FOLIO_CATALOG_DATABASE_URL": served["catalog"]}


@pytest.fixture
def empty() -> Iterator[dict[str, str]]:
    """Databases without a schema."""
    with templates.empty() as main, templates.empty() as catalog:
        yield {"FOLIO_MAIN_DATABASE_URL": main, "FOLIO_CATALOG_DATABASE_URL": catalog}


def test_pending_migrations_are_refused_by_name(empty: dict[str, str]) -> None:
    """`serve` names `folio migrate`; a dry run lists the migrations and applies none; then they are applied."""
    refused = command("serve", "--port", "0", settings=empty)
    assert refused.returncode == 1
    assert "folio migrate" in refused.stderr
    plan = printed(command("migrate", "--dry-run", "--json", settings=empty))
    assert plan["migrations"]["main"][0] == "0001_users.sql"
    assert printed(command("migrate", "--json", settings=empty)) == plan | {"dry_run": False}
    assert "up to date" in command("migrate", settings=empty).stdout


def test_databases_of_before_the_first_release_are_refused(empty: dict[str, str]) -> None:
    """`serve`, `migrate` and `doctor` say in one sentence how to start with new databases; nothing is changed."""
    for database, checksum in migrations.UNRELEASED:
        with psycopg.connect(empty[f"FOLIO_{database.upper()}_DATABASE_URL"]) as connection:
            connection.execute(migrations.CREATE.text.encode())
            connection.execute(
                "INSERT INTO schema_migrations (version, name, checksum) VALUES (1, '0001_first.sql', %s)", (checksum,)
            )
    refusal = "The main database was made before the first release of Folio and cannot be migrated: start with new"
    for arguments in (["serve", "--port", "0"], ["migrate"], ["migrate", "--dry-run"]):
        refused = command(*arguments, settings=empty | {"FOLIO_MIGRATE_ON_START": "true"})
        assert (refused.returncode, refusal in " ".join(refused.stderr.split())) == (1, True), refused.stderr
        assert "Traceback" not in refused.stderr
    findings = json.loads(command("doctor", "--json", settings=empty).stdout)["findings"]
    found = {line["database"]: line for line in findings if line["check"] == "migrations"}
    for database, line in found.items():
        assert line["status"] == "failed"
        assert line["is"].startswith(refusal.replace("main", database))
    for conninfo in empty.values():
        with psycopg.connect(conninfo) as connection:
            tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            assert tables == [("schema_migrations",)]


def test_only_migrate_and_serve_migrate(empty: dict[str, str]) -> None:
    """Other commands refuse a database with pending migrations, and leave it as it is."""
    for words in (["audit"], ["key", "issue", "ada"], ["operator", "add", "ada"], ["operator", "remove", "ada"]):
        refused = command(*words, settings=empty | {"FOLIO_MIGRATE_ON_START": "true"})
        assert (refused.returncode, "Run `folio migrate`" in refused.stderr) == (1, True), refused.stderr
    for conninfo in empty.values():
        with psycopg.connect(conninfo) as connection:
            assert connection.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)


async def test_two_addresses_of_one_database_are_refused_before_anything_is_done(empty: dict[str, str]) -> None:
    """The second address leads there by another host and port."""
    main = empty["FOLIO_MAIN_DATABASE_URL"]
    async with proxy(main) as between:
        settings = {"FOLIO_MAIN_DATABASE_URL": main, "FOLIO_CATALOG_DATABASE_URL": between.conninfo}
        for words in (["migrate"], ["serve", "--port", "0"]):
            refused = await asyncio.to_thread(
                partial(command, *words, settings=settings | {"FOLIO_MIGRATE_ON_START": "true"})
            )
            assert (refused.returncode, "name one database" in refused.stderr) == (1, True), refused.stderr
    with psycopg.connect(main) as connection:
        assert connection.execute("SELECT to_regclass('schema_migrations')").fetchone() == (None,)


def test_only_the_login_that_migrates_makes_operators(settings: dict[str, str], databases: dict[str, str]) -> None:
    """The login that serves is refused with the remedy; `operator remove` makes a member again. All is recorded."""
    if settings["FOLIO_MAIN_DATABASE_URL"] == databases["main"]:
        pytest.skip("only a superuser makes the roles of tests")
    refused = command("operator", "add", "root", settings=settings)
    assert (refused.returncode, "the URL that `folio migrate` uses" in refused.stderr) == (1, True), refused.stderr
    owner = settings | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}
    root = printed(command("operator", "add", "root", "--json", settings=owner))
    refused = command("operator", "remove", "root", settings=settings)
    assert (refused.returncode, "the URL that `folio migrate` uses" in refused.stderr) == (1, True), refused.stderr
    removed = printed(command("operator", "remove", "ROOT", "--json", settings=owner))
    assert removed == {"id": root["id"], "username": "root", "role": "member"}
    assert command("operator", "remove", "nobody", settings=owner).returncode == 2
    assert command("key", "issue", "root", settings=settings).returncode == 0
    with psycopg.connect(databases["main"]) as connection:
        record = connection.execute("SELECT kind, changed_by, user_id, before, after FROM changes ORDER BY at, id")
        member, operator, issued = {"role": "member"}, {"role": "operator"}, {"read_only": False, "expires_at": None}
        assert record.fetchall() == [
            ("role_changed", None, root["id"], member, operator),
            ("key_issued", None, root["id"], None, issued),
            ("role_changed", None, root["id"], operator, member),
            ("key_issued", None, root["id"], None, issued),
        ]


def test_a_login_without_a_privilege_of_roles_sql_is_refused(
    settings: dict[str, str], databases: dict[str, str]
) -> None:
    """`serve` names the privilege and the files that grant it."""
    if settings["FOLIO_MAIN_DATABASE_URL"] == databases["main"]:
        pytest.skip("only a superuser makes the roles of tests")
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute("REVOKE UPDATE (status) ON holds FROM folio_app")
    refused = command("serve", "--port", "0", settings=settings)
    assert refused.returncode == 1
    assert "lacks UPDATE (status) on holds: run sql/both/roles.sql and sql/main/roles.sql" in refused.stderr


def test_a_database_with_migrations_of_a_newer_release_is_served(
    settings: dict[str, str], databases: dict[str, str]
) -> None:
    """`serve` starts and warns, the process is ready, and `migrate` says so."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute(
            "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_later.sql', 'x')"
        )
    folio = Service(settings | {"FOLIO_LOG_FORMAT": "json"})
    try:
        until(folio.answers)
    finally:
        folio.process.send_signal(signal.SIGTERM)
    assert "newer release, from 9999_later.sql on" in folio.close()
    migrated = command(
        "migrate",
        settings=settings
        | {"FOLIO_MAIN_DATABASE_URL": databases["main"]}
        | {"FOLIO_CATALOG_DATABASE_URL": databases["catalog"]},
    )
    assert (migrated.returncode, "newer release" in migrated.stderr) == (0, True), migrated.stderr


async def test_a_command_waits_for_its_databases(databases: dict[str, str]) -> None:
    """A command waits up to FOLIO_START_TIMEOUT, since the databases may be starting too."""
    waiting = asyncio.Event()

    async def command(start_timeout: float) -> None:
        settings = Settings(
            main_database_url=between.conninfo, catalog_database_url=databases["catalog"], start_timeout=start_timeout
        )
        work = partial(startup.check_connections, settings)
        await startup.patiently(settings, work, lambda line: waiting.set() if "refused" in line else None)

    async with proxy(databases["main"]) as between:
        await between.stop()
        with pytest.raises(DatabaseUnavailable):
            await command(0.1)
        waiting.clear()
        patient = asyncio.create_task(command(90))
        await waiting.wait()
        await between.start()
        await patient


def test_two_services_that_start_at_once_migrate_once(empty: dict[str, str]) -> None:
    """Both serve, and each migration is applied once."""
    migrating = empty | {"FOLIO_MIGRATE_ON_START": "true"}
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(lambda _: Service(migrating), range(2)))
    try:
        for folio in both:
            until(folio.answers)
    finally:
        for folio in both:
            folio.process.send_signal(signal.SIGTERM)
    lines = [folio.close() for folio in both]
    assert "".join(lines).count("applied 0001_users.sql") == 1


def test_wrong_settings_are_refused_with_a_clear_error(settings: dict[str, str]) -> None:
    """One URL of two, pools too large for the server, a minimum above the maximum, a port that is no number."""
    main_only = {"FOLIO_MAIN_DATABASE_URL": settings["FOLIO_MAIN_DATABASE_URL"]}
    for wrong, status, words in (
        (main_only, 2, "FOLIO_CATALOG_DATABASE_URL"),
        (settings | {"FOLIO_POOL_MAX_SIZE": "400"}, 1, "1 x 400 for main + 1 x 400 for catalog"),
        (settings | {"FOLIO_MAIN_POOL_MIN_SIZE": "9"}, 2, "POOL_MIN_SIZE"),
        (settings | {"FOLIO_PORT": "http"}, 2, "FOLIO_PORT"),
    ):
        refused = command("serve", settings={"FOLIO_PORT": "0"} | wrong)
        assert (refused.returncode, words in refused.stderr) == (status, True), refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_login_that_may_change_the_schema_is_a_warning(settings: dict[str, str], databases: dict[str, str]) -> None:
    """At start, each database warns of a superuser and of a member of the owner's role; folio_app is no warning."""
    with templates.login("IN ROLE folio_owner") as owner:
        powerful = {
            "FOLIO_MAIN_DATABASE_URL": databases["main"],
            "FOLIO_CATALOG_DATABASE_URL": owner(databases["catalog"]),
            "FOLIO_LOG_FORMAT": "json",
        }
        assert {warning["database"]: warning["reason"] for warning in warnings(powerful)} == {
            "main": "superuser",
            "catalog": "owner",
        }
    assert warnings(settings | {"FOLIO_LOG_FORMAT": "json"}) == []


def warnings(settings: dict[str, str]) -> list[dict[str, str]]:
    """Serve for a moment and return the warnings about logins."""
    folio = Service(settings)
    try:
        until(folio.answers)
    finally:
        folio.process.send_signal(signal.SIGTERM)
    events = [json.loads(line) for line in folio.close().splitlines() if line.startswith("{")]
    return [event for event in events if event["event"] == "privileged_login"]


def test_workers_end_with_a_parent_that_was_killed(settings: dict[str, str]) -> None:
    """Two workers serve; after SIGKILL of their parent the port is free for the next start."""
    with service(settings, "--workers", "2") as folio:
        folio.end(signal.SIGKILL)

        def gone() -> bool:
            try:
                folio.http.get("/livez")
            except httpx.TransportError:
                return True
            return False

        until(gone)


def test_an_audit_that_finds_a_break_exits_with_1(settings: dict[str, str], databases: dict[str, str]) -> None:
    """The broken row is printed, as JSON for scripts and as a table for people."""
    with psycopg.connect(databases["main"], autocommit=True) as connection:
        connection.execute("INSERT INTO users (username, username_key) VALUES ('ada', 'ada')")
        connection.execute("INSERT INTO accounts (owner_id, name, currency, balance) VALUES (1, 'a', 'EUR', 5)")
    audit = command("audit", "--json", settings=settings)
    assert audit.returncode == 1
    broken = {check["name"]: check["rows"] for check in json.loads(audit.stdout)["checks"] if check["rows"]}
    assert list(broken) == ["main/balance"]
    assert broken["main/balance"][0]["account_id"] == 1
    table = command("audit", settings=settings)
    assert (table.returncode, "1 broken rows, such as {'account_id': 1" in table.stdout) == (1, True), table.stdout


@pytest.mark.parametrize("failure", ["ends_in_its_lifespan", "ends_at_its_import"])
def test_workers_that_cannot_start_end_the_service(settings: dict[str, str], failure: str) -> None:
    """With an exit status that a supervisor notices, as one process alone does: at once, not after restarts."""
    script = f"""
from api.cli import server
from api.process.settings import Settings
server.APPLICATION = "tests.api.cli.broken:{failure}"
if __name__ == "__main__":
    settings = Settings(workers=2, port=0)
    server.serve(settings, server.listen(settings))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(settings), timeout=server.WORKER_SECONDS, check=False
    )
    assert done.returncode == STARTUP_FAILURE


@pytest.mark.parametrize(
    ("family", "host", "shown"),
    [(socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")],
    ids=["IPv4", "IPv6"],
)
def test_a_port_that_is_taken_is_named_with_its_setting(
    tmp_path: Path, family: socket.AddressFamily, host: str, shown: str
) -> None:
    """Nothing was started, no data folder included."""
    with socket.socket(family) as taken:
        try:
            taken.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no address {host}")
        taken.listen()
        port = taken.getsockname()[1]
        settings = {"FOLIO_HOST": host, "FOLIO_PORT": str(port), "FOLIO_DATA_DIR": str(tmp_path / "data")}
        refused = command("serve", settings=settings)
    hint = f"Port {port} is taken. Choose another by FOLIO_PORT or --port."
    assert (refused.returncode, refused.stderr) == (1, f"error: Cannot listen on {shown}:{port}. {hint}\n")
    assert not (tmp_path / "data").exists()


def test_the_version_is_that_of_the_distribution() -> None:
    """`folio --version` needs no settings and no database."""
    assert command("--version", settings={}).stdout == f"folio {version('folio')}\n"


def test_a_script_gets_json_and_nothing_else(databases: dict[str, str]) -> None:
    """With --json, messages and progress are left out; an error is printed."""
    settings = {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in databases.items()}
    for arguments in (("audit",), ("migrate",), ("operator", "add", "root")):
        done = command(*arguments, "--json", settings=settings)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        json.loads(done.stdout)
    refused = command("key", "issue", "ada", "--json", settings=settings)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: ")
