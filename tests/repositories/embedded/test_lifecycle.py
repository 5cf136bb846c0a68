"""Start, stop, and what lasts."""

import contextlib
import threading
from pathlib import Path

import psycopg
import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, home
from repositories.embedded.supervisor import Supervisor
from tests.repositories.embedded.probes import answer, answers, ended, eventually, keep, kept, running_postmaster


def test_data_persists_from_run_to_run(folder: Path) -> None:
    """The first run makes the server and says so; what was committed is there in the next, which says nothing."""
    said: list[str] = []
    server = EmbeddedServer(folder / "new" / "data", said.append)
    with server.running():
        assert [line.split(" in ")[0] for line in said] == ["Preparing PostgreSQL 18"]
        keep(server)
    assert not answers(server)
    said.clear()
    with server.running():
        assert kept(server)
    assert said == []


def test_leaving_the_context_ends_the_server(data_dir: Path) -> None:
    """No process is left when the context is left, be it by an exception."""
    server = EmbeddedServer(data_dir)
    with contextlib.suppress(ZeroDivisionError), server.running():
        process = running_postmaster(data_dir)
        raise ZeroDivisionError
    assert ended(process)


def test_leaving_amid_a_restart_leaves_nothing_behind(data_dir: Path) -> None:
    """The context can be left at any moment, also while the thread is starting the server again."""
    restarting = threading.Event()
    with EmbeddedServer(data_dir, lambda _: restarting.set()).running():
        running_postmaster(data_dir).kill()
        assert restarting.wait(10)
    # The folder fixture looks for processes.


def test_stopping_twice_is_stopping_once(data_dir: Path) -> None:
    """A second stop finds nothing to do."""
    supervisor = Supervisor(*home.prepare(data_dir, print), print, {})
    supervisor.start()
    supervisor.stop()
    supervisor.stop()


def test_the_server_is_durable_checked_and_locale_proof(data_dir: Path) -> None:
    """Safe settings, page checksums, and a locale that is the same on every machine."""
    server = EmbeddedServer(data_dir)
    with server.running():
        for setting in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums", "logging_collector"):
            assert answer(server, f"SHOW {setting}") == "on", setting
        assert answer(server, "SELECT datlocprovider::text || datlocale FROM pg_database LIMIT 1") == "bC.UTF-8"
        assert answer(server, "SELECT lower('É')") == "é"
        assert answer(server, "SELECT to_tsvector('simple', 'pen—ink') = to_tsvector('simple', 'pen ink')") is True


def test_only_who_reads_the_password_gets_in(data_dir: Path) -> None:
    """The server listens on no network, asks for a password, and keeps that to the folder's owner."""
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answer(server, "SHOW listen_addresses") == ""
        assert answer(server, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'folio'")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.conninfo("postgres"), password="wrong")
    password = data_dir / "postgresql" / "password"
    assert password.stat().st_mode & 0o777 == 0o600
    assert len(password.read_text()) == 64
    assert password.stat().st_uid == (data_dir / "postgresql").stat().st_uid


def test_options_reach_the_server_but_not_where_it_listens(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the caller hold; neither they nor the environment move the socket."""
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGHOST", "/nowhere")
    server = EmbeddedServer(data_dir, postgres_options={"max_connections": "33", "listen_addresses": "*"})
    with server.running():
        assert answer(server, "SHOW max_connections") == "33"
        assert answer(server, "SHOW listen_addresses") == ""


def test_a_start_that_cannot_succeed_quotes_the_log(data_dir: Path) -> None:
    """The error says what the server said, and the next try is not hindered."""
    with (
        pytest.raises(EmbeddedServerError, match=r'(?s)invalid value for parameter "max_connections": "many"'),
        EmbeddedServer(data_dir, postgres_options={"max_connections": "many"}).running(),
    ):
        pass
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)


def test_old_logs_are_removed(data_dir: Path) -> None:
    """However often the server starts, the newest seven of its logs are kept."""
    logs = data_dir / "postgresql" / "cluster" / "log"
    for second in range(20):
        (logs / f"postgresql-2020-01-01_0000{second:02}.log").touch()
    with EmbeddedServer(data_dir).running():
        # The server makes its own log for this start, now or a moment later.
        eventually(lambda: len(list(logs.iterdir())) == 7 and not (logs / "postgresql-2020-01-01_000013.log").exists())
        assert (logs / "postgresql-2020-01-01_000019.log").exists()


def test_there_is_no_conninfo_before_the_first_run(folder: Path) -> None:
    """Asking where nothing was ever started is an error that says so."""
    with pytest.raises(EmbeddedServerError, match="No embedded server was started"):
        EmbeddedServer(folder).conninfo("folio_main")
