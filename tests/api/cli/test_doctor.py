"""`folio doctor`: a finding for each check, and an honest exit status."""

import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from repositories.doctor.examination import CHECKS, STATE
from tests.harness import templates
from tests.harness.processes import CompletedCommand, command, service

Lines = dict[str, dict[str | None, dict[str, Any]]]


@pytest.fixture
def settings(databases: dict[str, str]) -> dict[str, str]:
    return {"FOLIO_MAIN_DATABASE_URL": databases["main"], "FOLIO_CATALOG_DATABASE_URL": databases["catalog"]}


@pytest.fixture
def empty() -> Iterator[dict[str, str]]:
    """Databases without a schema."""
    with templates.empty() as main, templates.empty() as catalog:
        yield {"FOLIO_MAIN_DATABASE_URL": main, "FOLIO_CATALOG_DATABASE_URL": catalog}


@pytest.fixture
def own_server() -> Iterator[dict[str, str]]:
    """A data folder for an embedded server with safe options: the tests' server trades safety for speed."""
    with tempfile.TemporaryDirectory(prefix="folio doctor ") as folder:
        Path(folder).chmod(0o755)
        yield {"FOLIO_DATA_DIR": folder}


def doctor(settings: dict[str, str], *options: str) -> tuple[CompletedCommand, Lines]:
    """Run the doctor; return its findings by check and database. `ok`, exit status and findings agree in every run."""
    done = command("doctor", "--json", *options, settings=settings)
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    statuses = {line["status"] for line in report["findings"]}
    assert statuses <= {"ok", "warning", "failed", "unknown"}
    assert report["ok"] == ("failed" not in statuses) == (done.returncode == 0), done.stdout
    lines: Lines = defaultdict(dict)
    for line in report["findings"]:
        lines[line["check"]][line["database"]] = line
        assert (line["do"] is None) == (line["status"] == "ok"), line
    assert set(CHECKS) <= lines.keys(), "every check has its finding, even if others fail"
    assert all(lines[check].keys() == {"main", "catalog"} for check in CHECKS)
    return done, lines


def status(lines: Lines, check: str) -> tuple[str, str]:
    """Return the status of a check in both databases."""
    return lines[check]["main"]["status"], lines[check]["catalog"]["status"]


def execute(conninfo: str, statement: str) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode())


def alter(conninfo: str, change: str) -> None:
    """Change a setting of one database, for new sessions."""
    with psycopg.connect(conninfo) as connection:
        name = connection.info.dbname
    execute(conninfo, f'ALTER DATABASE "{name}" SET {change}')


def test_a_server_as_serve_starts_it_is_sound(own_server: dict[str, str]) -> None:
    """Nothing fails on the embedded server, also while it serves; before `serve` created it, the doctor says so."""
    done, lines = doctor(own_server)
    assert (done.returncode, status(lines, "connect")) == (0, ("unknown", "unknown"))
    assert "folio serve" in lines["embedded server"][None]["do"]
    assert list(Path(own_server["FOLIO_DATA_DIR"]).iterdir()) == [], "the doctor changes nothing"
    with service(own_server):
        done, lines = doctor(own_server)
        table = command("doctor", settings=own_server)
    assert done.returncode == 0, done.stdout
    for check in (*STATE, "role", "migrations", "connections"):
        assert status(lines, check) == ("ok", "ok"), lines[check]
    assert "open now: 0 of Folio" not in lines["connections"]["main"]["is"]
    _, alone = doctor(own_server)
    assert "open now: 0 of Folio, 0 of others" in alone["connections"]["main"]["is"], "a doctor does not count itself"
    assert lines["disk"][None]["status"] in {"ok", "warning"}
    assert {"main", "catalog"} == {advice["database"] for advice in json.loads(done.stdout)["advice"]}
    assert table.returncode == 0
    assert all(word in table.stdout for word in (*CHECKS, "should be", "POOL_MAX_SIZE", "/ops/pools"))


def test_a_server_that_may_lose_commits_fails(settings: dict[str, str]) -> None:
    """Each durability setting that is off is a failure; the tests' own server has some off."""
    durability = ("fsync", "full_page_writes", "synchronous_commit")
    with psycopg.connect(settings["FOLIO_MAIN_DATABASE_URL"]) as connection:
        shown = {name: connection.execute(f"SHOW {name}".encode()).fetchone() for name in durability}
    alter(settings["FOLIO_MAIN_DATABASE_URL"], "synchronous_commit = on")
    alter(settings["FOLIO_CATALOG_DATABASE_URL"], "synchronous_commit = off")
    done, lines = doctor(settings)
    assert done.returncode == 1
    assert status(lines, "synchronous_commit") == ("ok", "failed"), "the value of Folio's own sessions"
    for name in ("fsync", "full_page_writes"):
        expected = "ok" if shown[name] == ("on",) else "failed"
        assert status(lines, name) == (expected, expected)
        assert lines[name]["main"]["is"] == (shown[name] or ("",))[0]


def test_a_database_that_is_away_hides_nothing_else(settings: dict[str, str]) -> None:
    """Checks that depend on it are unknown, those of the other database run, and no password is printed."""
    away = make_conninfo(settings["FOLIO_MAIN_DATABASE_URL"], host="127.0.0.1", port=1, password="open-sesame")
    done, lines = doctor(settings | {"FOLIO_MAIN_DATABASE_URL": away})
    assert (done.returncode, lines["connect"]["main"]["status"]) == (1, "failed")
    assert "refused" in lines["connect"]["main"]["is"]
    for check in (*STATE, "role", "clock", "migrations"):
        assert lines[check]["main"]["status"] == "unknown"
        assert lines[check]["catalog"]["status"] != "unknown"
    assert status(lines, "connections") == ("unknown", "unknown")
    assert "open-sesame" not in done.stdout + done.stderr


def test_a_password_that_breaks_its_url_is_not_shown(settings: dict[str, str]) -> None:
    """Libpq would quote the password as part of a host, of a port, or within the whole URL."""
    for broken in (
        "postgresql://u:open@sesame@localhost/d",
        "postgresql://u:sesame/x@localhost/d",
        "postgres//u:sesame",
    ):
        wrong = settings | {"FOLIO_MAIN_DATABASE_URL": broken}
        done, lines = doctor(wrong)
        assert lines["settings"][None]["status"] == "failed"
        assert lines["settings"][None]["is"].startswith("FOLIO_MAIN_DATABASE_URL: is not well formed")
        assert "sesame" not in done.stdout + done.stderr
        for words in (["serve"], ["migrate"], ["audit"], ["operator", "add", "root"]):
            done = command(*words, settings=wrong)
            assert (done.returncode, done.stdout) == (2, "")
            assert "FOLIO_MAIN_DATABASE_URL: is not well formed" in done.stderr
            assert "sesame" not in done.stderr


def test_pending_migrations_fail_unless_serve_applies_them(empty: dict[str, str]) -> None:
    """The doctor names the command that applies them, and applies none."""
    _, lines = doctor(empty)
    assert status(lines, "migrations") == ("failed", "failed")
    assert "folio migrate" in lines["migrations"]["main"]["do"]
    _, lines = doctor(empty | {"FOLIO_MIGRATE_ON_START": "true"})
    assert status(lines, "migrations") == ("warning", "warning")
    with psycopg.connect(empty["FOLIO_MAIN_DATABASE_URL"]) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        ).fetchone() == (0,)


def test_a_schema_that_contradicts_the_files_fails(settings: dict[str, str]) -> None:
    """One file changed after it was applied, and this release lacks another."""
    execute(settings["FOLIO_MAIN_DATABASE_URL"], "UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
    execute(settings["FOLIO_CATALOG_DATABASE_URL"], "UPDATE schema_migrations SET version = 0 WHERE version = 3")
    _, lines = doctor(settings)
    assert status(lines, "migrations") == ("failed", "failed")
    assert "was changed" in lines["migrations"]["main"]["is"]
    assert "does not have" in lines["migrations"]["catalog"]["is"]


def test_migrations_of_a_newer_release_are_a_warning(settings: dict[str, str]) -> None:
    """The database stays served."""
    add_newer(settings["FOLIO_MAIN_DATABASE_URL"])
    _, lines = doctor(settings)
    assert status(lines, "migrations") == ("warning", "ok")
    assert "newer release, from 9999_later.sql on" in lines["migrations"]["main"]["is"]


def add_newer(conninfo: str) -> None:
    """Record a migration of a newer release."""
    execute(conninfo, "INSERT INTO schema_migrations (version, name, checksum) VALUES (9999, '9999_later.sql', 'x')")


def test_missing_privileges_fail(settings: dict[str, str], served: dict[str, str]) -> None:
    """They are named, with the files that grant them; those of the other database are complete."""
    if served["main"] == settings["FOLIO_MAIN_DATABASE_URL"]:
        pytest.skip("only a superuser makes the roles of tests")
    execute(settings["FOLIO_MAIN_DATABASE_URL"], "REVOKE INSERT (title) ON posts FROM folio_app")
    _, lines = doctor({f"FOLIO_{name.upper()}_DATABASE_URL": conninfo for name, conninfo in served.items()})
    assert status(lines, "privileges") == ("failed", "ok")
    assert lines["privileges"]["main"]["is"] == "lacks INSERT (title) on posts"
    assert "sql/both/roles.sql and sql/main/roles.sql" in lines["privileges"]["main"]["do"]


def test_the_sum_that_fails_is_the_sum_that_serve_refuses(settings: dict[str, str]) -> None:
    """Both print the same parts, including a worker's connections outside its pools."""
    large = settings | {"FOLIO_POOL_MAX_SIZE": "400", "FOLIO_PORT": "0"}
    _, lines = doctor(large, "--workers", "3")
    assert status(lines, "connections") == ("failed", "failed")
    total = "3 x 400 for main + 3 x 400 for catalog + 3 x 6 outside the pools"
    assert total in lines["connections"]["main"]["is"]
    assert total in command("serve", "--workers", "3", settings=large).stderr
    _, lines = doctor(settings)
    assert "failed" not in status(lines, "connections")


def test_a_database_that_takes_no_writes_fails(settings: dict[str, str]) -> None:
    """Read-only sessions fail as a standby does."""
    alter(settings["FOLIO_CATALOG_DATABASE_URL"], "default_transaction_read_only = on")
    _, lines = doctor(settings)
    assert status(lines, "writes") == ("ok", "failed")


def test_wrong_and_unusual_settings_have_their_findings(settings: dict[str, str]) -> None:
    """An invalid value fails; a limit that is off, a failpoint and an unknown name are warnings."""
    for wrong in ({"FOLIO_PORT": "http"}, {"FOLIO_POOL_MAX_SIZE": "x"}, {"FOLIO_MAIN_POOL_MIN_SIZE": "9"}):
        done, lines = doctor(settings | wrong)
        assert (done.returncode, lines["settings"][None]["status"]) == (1, "failed")
        assert next(iter(wrong)).removeprefix("FOLIO_MAIN_") in lines["settings"][None]["is"]
    unusual = {"FOLIO_FAILPOINT": "after reserve", "FOLIO_WRONG_KEYS_PER_MINUTE": "0", "FOLIO_WORKER": "2"}
    done, _ = doctor(settings | unusual)
    warnings = [line for line in json.loads(done.stdout)["findings"] if line["check"] == "settings" and line["do"]]
    assert {line["status"] for line in warnings} == {"warning"}
    assert {line["is"].split()[0] for line in warnings} == unusual.keys()
