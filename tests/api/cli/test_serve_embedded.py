"""`folio serve` on its embedded PostgreSQL: commands while it serves, kills, and a second start."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from api.process import startup
from api.process.settings import Settings
from repositories.embedded import binaries
from repositories.postgres.statements import ROOT
from tests.harness.processes import command, printed, service, until


@pytest.fixture
def settings() -> Iterator[dict[str, str]]:
    """A data folder of its own, in a path with a space."""
    with tempfile.TemporaryDirectory(prefix="folio serve ") as folder:
        Path(folder).chmod(0o755)
        yield {"FOLIO_DATA_DIR": folder}


def postmasters(folder: str) -> list[psutil.Process]:
    """Return the PostgreSQL servers whose data lies in a folder."""
    servers = []
    for process in psutil.process_iter(["name", "cmdline"]):
        line = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and any(folder in part for part in line):
            servers.append(process)
    return servers


def run_psql(folder: str) -> subprocess.CompletedProcess[str]:
    """Connect to the server of a data folder with psql, as sql/README.md says."""
    [block] = re.findall(r"^data=\.folio\n.*?(?=^```)", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    path = f"{binaries.installed().root / 'bin'}{os.pathsep}{os.environ['PATH']}"
    script = block.replace("data=.folio", f"data='{folder}'")
    return subprocess.run(
        ["bash", "-e"], input=script, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )


def test_only_serve_creates_a_cluster(settings: dict[str, str]) -> None:
    """Every other command says that there is none, and how to create it; nothing is written."""
    for words in (
        ["migrate"],
        ["audit"],
        ["key", "issue", "root"],
        ["operator", "add", "root"],
        ["operator", "remove", "root"],
    ):
        refused = command(*words, settings=settings)
        assert (refused.returncode, "run `folio serve`" in refused.stderr) == (1, True), refused.stderr
    assert list(Path(settings["FOLIO_DATA_DIR"]).iterdir()) == []


FOREIGN = {"PGHOSTADDR": "127.0.0.9", "PGSERVICE": "absent", "PGSSLMODE": "bogus", "PGOPTIONS": "-c absent=1"}
"""libpq's variables for servers that are none of Folio's."""


def test_a_life_on_the_embedded_server(settings: dict[str, str]) -> None:
    """It starts without data, serves as folio_app, restarts PostgreSQL, and loses nothing; commands work meanwhile."""
    folder = settings["FOLIO_DATA_DIR"]
    with service(settings | FOREIGN) as folio:
        operator = printed(command("operator", "add", "root", "--json", settings=settings | FOREIGN))
        assert folio.request("GET", "/users/me", operator["api_key"]).json()["role"] == "operator"
        again = printed(command("operator", "add", "ROOT", "--json", settings=settings))
        assert again["id"] == operator["id"]
        issued = printed(command("key", "issue", "root", "--json", settings=settings))
        assert folio.request("GET", "/users/me", issued["api_key"]).status_code == 200
        assert printed(command("audit", "--json", settings=settings))["ok"]
        assert command("key", "issue", "nobody", settings=settings).returncode == 2

        serving = startup.serving(Settings(data_dir=Path(folder)))["main"]
        with psycopg.connect(serving) as served, pytest.raises(psycopg.errors.InsufficientPrivilege):
            served.execute("TRUNCATE posts")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(serving, user="folio")  # the superuser has another password
        removed = printed(command("operator", "remove", "root", "--json", settings=settings))
        assert removed == {"id": operator["id"], "username": "root", "role": "member"}
        for name in ("ada", "bob"):
            folio.http.post("/users", json={"username": name, "email": "secret@example.com"})
        logs = [log.read_text() for log in Path(folder).resolve().glob("postgresql/cluster/log/*.log")]
        assert any("users_email_key" in log for log in logs)
        assert not any("example.com" in log for log in logs), "DETAIL quotes the address"

        psql = run_psql(folder)
        assert (psql.returncode, psql.stderr) == (0, "")
        assert "0001_users.sql" in psql.stdout

        [postmaster] = postmasters(folder)
        postmaster.send_signal(signal.SIGKILL)
        until(lambda: folio.answers("/users"))
        post = folio.request("POST", "/posts", operator["api_key"], json={"title": "kept", "content": "c"})
        assert post.status_code == 201

        folio.end(signal.SIGKILL)
        assert len(postmasters(folder)) == 1, "an orphan that the next start must take over"
    with service(settings) as folio:
        assert [post["title"] for post in folio.http.get("/posts").json()["items"]] == ["kept"]
        assert folio.end(signal.SIGTERM) == 0
        assert postmasters(folder) == []


def test_sighup_leaves_no_postgresql_behind(settings: dict[str, str]) -> None:
    """A terminal that is closed ends the service and its server, as SIGTERM does."""
    with service(settings) as folio:
        assert postmasters(settings["FOLIO_DATA_DIR"])
        os.killpg(folio.process.pid, signal.SIGHUP)
        assert folio.process.wait(60) == 0
        assert postmasters(settings["FOLIO_DATA_DIR"]) == []
