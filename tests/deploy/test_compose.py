"""compose.yaml: the owner migrates, the application serves, and neither is a superuser."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from api.process.drain import DRAIN_SECONDS
from api.process.settings import strangers
from tests.harness.processes import command, printed, service
from tests.harness.programs import run
from tests.harness.servers import Server, new_server

SERVICES: dict[str, Any] = yaml.safe_load(Path("compose.yaml").read_text())["services"]
SCRIPT = Path("deploy/postgres/roles.sh")


@pytest.fixture
def server() -> Iterator[Server]:
    with new_server() as server:
        yield server


def set_up(server: Server) -> None:
    """Run the script of PostgreSQL's container, as its entry point does."""
    user = conninfo_to_dict(server.conninfo)["user"]
    exports = f"export POSTGRES_USER={user} MIGRATOR_PASSWORD=migrates SERVICE_PASSWORD=serves FOLIO_SQL=sql\n"
    done = run(["sh"], exports + SCRIPT.read_text(), server.conninfo)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def settings(server: Server, name: str, password: str) -> dict[str, str]:
    """Return the settings of a service of compose.yaml, on this server."""
    found = {}
    for variable, url in SERVICES[name]["environment"].items():
        if variable.endswith("_URL"):
            parts = conninfo_to_dict(url)
            found[variable] = make_conninfo(
                server.conninfo, user=str(parts["user"]), dbname=str(parts["dbname"]), password=password
            )
    return found


def test_the_owner_migrates_and_the_application_serves(server: Server) -> None:
    """Script and migration run twice; then the application serves, and the doctor finds no fault with its roles."""
    migrator, application = settings(server, "migrate", "migrates"), settings(server, "folio", "serves")
    set_up(server)
    ungranted = command("migrate", settings=migrator)
    assert ungranted.returncode == 0, ungranted.stderr
    refused = command("serve", "--port", "0", settings=application)
    assert (refused.returncode, "--grant" in refused.stderr) == (1, True), refused.stderr
    for _ in range(2):
        migrated = command(*SERVICES["migrate"]["command"], settings=migrator)
        assert migrated.returncode == 0, migrated.stderr
        set_up(server)
    with service(application) as folio:
        assert folio.request("POST", "/users", json={"username": "ada", "email": "ada@example.com"}).status_code == 201
        findings = json.loads(command("doctor", "--json", settings=application).stdout)["findings"]
    statuses = {finding["check"]: finding["status"] for finding in findings}
    assert (statuses["role"], statuses["privileges"], statuses["migrations"]) == ("ok", "ok", "ok")
    with (
        psycopg.connect(application["FOLIO_MAIN_DATABASE_URL"]) as main,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        main.execute("DELETE FROM entries")
    for login in (migrator, application):
        with psycopg.connect(login["FOLIO_MAIN_DATABASE_URL"]) as main:
            assert main.info.parameter_status("is_superuser") == "off"


def test_databases_that_a_superuser_migrated_are_handed_over(server: Server) -> None:
    """Volumes of an earlier compose.yaml: after the script, the owner owns the tables and the application serves."""
    for name in ("main", "catalog"):
        with psycopg.connect(server.conninfo, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE folio_{name} TEMPLATE template0")
    superuser = {
        f"FOLIO_{name.upper()}_DATABASE_URL": make_conninfo(server.conninfo, dbname=f"folio_{name}")
        for name in ("main", "catalog")
    }
    printed(command("migrate", "--json", settings=superuser))
    set_up(server)
    printed(command("migrate", "--grant", "--json", settings=settings(server, "migrate", "migrates")))
    with service(settings(server, "folio", "serves")) as folio:
        assert folio.answers("/readyz")


def test_compose_agrees_with_the_service() -> None:
    """Every setting is known, the service waits for the migration, and is given the time that a drain takes."""
    for name in ("migrate", "folio"):
        assert strangers(SERVICES[name]["environment"]) == []
        assert "postgres@" not in str(SERVICES[name]["environment"])
    assert SERVICES["folio"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert int(SERVICES["folio"]["stop_grace_period"].removesuffix("s")) >= DRAIN_SECONDS + 5
    operator = yaml.safe_load(Path("deploy/compose.operator.yaml").read_text())
    assert strangers(operator["services"]["migrate"]["environment"]) == []
