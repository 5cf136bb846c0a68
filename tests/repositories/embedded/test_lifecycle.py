"""The life of a server: start, stop, settings and durability."""

import contextlib
import threading
from pathlib import Path

import psycopg
import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, home
from repositories.embedded.processes import has_ended
from repositories.embedded.supervisor import Supervisor
from tests.harness.processes import until
from tests.repositories.embedded.probes import answers, commit_row, has_row, running_postmaster, value_of


def test_data_persists_from_run_to_run(folder: Path) -> None:
    """The first run creates the cluster and announces it; the second has the committed rows and announces nothing."""
    announcements: list[str] = []
    server = EmbeddedServer(folder / "new" / "data", announcements.append)
    with server.running():
        assert [line.split(" in ")[0] for line in announcements] == ["Preparing PostgreSQL 18"]
        commit_row(server)
    assert not answers(server)
    announcements.clear()
    with server.running():
        assert has_row(server)
    assert announcements == []


def test_leaving_the_context_ends_the_server(data_dir: Path) -> None:
    """No process is left after the context, even if an exception ends it."""
    server = EmbeddedServer(data_dir)
    with contextlib.suppress(ZeroDivisionError), server.running():
        process = running_postmaster(data_dir)
        raise ZeroDivisionError
    assert has_ended(process)


def test_leaving_during_a_restart_leaves_no_process(data_dir: Path) -> None:
    """The context can end at any moment, also while the thread restarts the server."""
    restarting = threading.Event()
    with EmbeddedServer(data_dir, lambda _: restarting.set()).running():
        running_postmaster(data_dir).kill()
        assert restarting.wait(10)
    # The fixture `folder` fails if a process is left.


def test_a_second_stop_is_a_no_op(data_dir: Path) -> None:
    """A supervisor can be stopped twice."""
    supervisor = Supervisor(*home.ensure(data_dir, print), print, {})
    supervisor.start()
    supervisor.stop()
    supervisor.stop()


def test_the_server_has_durable_settings_checksums_and_a_fixed_locale(data_dir: Path) -> None:
    """Settings are durable, pages have checksums, and the locale is the same on every machine."""
    server = EmbeddedServer(data_dir)
    with server.running():
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "logging_collector"):
            assert value_of(server, f"SHOW {setting}") == "on", setting
        assert value_of(server, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1") == "bC.UTF-8"
        assert value_of(server, "SELECT lower('É')") == "é"
        assert value_of(server, "SELECT to_tsvector('simple', 'pen—ink') = to_tsvector('simple', 'pen ink')") is True


def test_a_connection_needs_the_password(data_dir: Path) -> None:
    """The server listens on no network and requires a password that only the folder's owner can read."""
    server = EmbeddedServer(data_dir)
    with server.running():
        assert value_of(server, "SHOW listen_addresses") == ""
        assert value_of(server, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'folio'")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.conninfo("postgres"), password="wrong")
    password = data_dir / "postgresql" / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert len(password.read_text()) == 64
    assert password.stat().st_uid == (data_dir / "postgresql").stat().st_uid


def test_options_reach_the_server_but_do_not_move_its_address(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's settings apply; neither they nor PG* variables move the socket."""
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGHOST", "/nowhere")
    server = EmbeddedServer(data_dir, postgres_options={"max_connections": "33", "listen_addresses": "*"})
    with server.running():
        assert value_of(server, "SHOW max_connections") == "33"
        assert value_of(server, "SHOW listen_addresses") == ""


def test_a_failed_start_quotes_the_log(data_dir: Path) -> None:
    """The error quotes the server's log, and the next start succeeds."""
    with (
        pytest.raises(EmbeddedServerError, match=r'(?s)invalid value for parameter "max_connections": "many"'),
        EmbeddedServer(data_dir, postgres_options={"max_connections": "many"}).running(),
    ):
        pass
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)


def test_old_logs_are_removed(data_dir: Path) -> None:
    """Only the newest seven log files are kept, however often the server starts."""
    logs = data_dir / "postgresql" / "cluster" / "log"
    for second in range(20):
        (logs / f"postgresql-2020-01-01_0000{second:02}.log").touch()
    with EmbeddedServer(data_dir).running():
        # The server opens the log of this start a moment later.
        until(lambda: len(list(logs.iterdir())) == 7 and not (logs / "postgresql-2020-01-01_000013.log").exists())
        assert (logs / "postgresql-2020-01-01_000019.log").exists()


def test_there_is_no_conninfo_before_the_first_run(folder: Path) -> None:
    """A connection string of a data folder without a cluster is an error that says so."""
    with pytest.raises(EmbeddedServerError, match="No embedded server was started"):
        EmbeddedServer(folder).conninfo("folio_main")
