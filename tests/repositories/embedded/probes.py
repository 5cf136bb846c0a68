"""Probes of a server from outside, and other processes that use it."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg

from repositories.embedded import EmbeddedServer, EmbeddedServerError
from tests.harness.processes import until

RECOVERY_SECONDS = 40.0
"""Folio promises that service returns within 10 s; the rest is for a machine that is stopped most of the time."""

# The imports come before the change of user, because that user may be unable to enter the interpreter's folder.
COMPANION = """
import encodings.idna, os, pathlib, sys
import repositories.embedded as embedded
if len(sys.argv) > 2:
    uid, gid = map(int, sys.argv[2:])
    os.setgroups([]), os.setgid(gid), os.setuid(uid)
try:
    with embedded.EmbeddedServer(pathlib.Path(sys.argv[1])).running():
        print("ready", flush=True)
        sys.stdin.read()
except embedded.EmbeddedServerError as error:
    print(error, flush=True)
"""


class Companion:
    """Another process in the context of `running()`, until it is told to leave or is killed."""

    def __init__(self, data_dir: Path, *identity: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMPANION, str(data_dir), *map(str, identity)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def first_line(self) -> str:
        """Wait for the first line of output, `ready` or an error message, and return it."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


@contextlib.contextmanager
def companion(data_dir: Path, *identity: int) -> Iterator[Companion]:
    """Run another process that uses the server, as another user if uid and gid are given."""
    process = Companion(data_dir, *identity)
    try:
        yield process
    finally:
        process.leave()


def value_of(server: EmbeddedServer, query: str) -> object:
    """Return the first value of a query's first row."""
    with psycopg.connect(server.conninfo("postgres")) as connection:
        row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def answers(server: EmbeddedServer) -> bool:
    try:
        return value_of(server, "SELECT 1") == 1
    except (psycopg.OperationalError, EmbeddedServerError):
        return False


def commit_row(server: EmbeddedServer) -> None:
    with psycopg.connect(server.conninfo("postgres")) as connection:
        connection.execute("CREATE TABLE durable AS SELECT 42 AS value")


def has_row(server: EmbeddedServer) -> bool:
    """Return True if the row of `commit_row` exists."""
    return value_of(server, "SELECT value FROM durable") == 42


def postmaster(data_dir: Path) -> psutil.Process | None:
    """Return the server's process by the PID in postmaster.pid, or None if it does not run."""
    try:
        return psutil.Process(int((data_dir / "postgresql" / "cluster" / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
        return None


def running_postmaster(data_dir: Path) -> psutil.Process:
    process = postmaster(data_dir)
    assert process is not None
    return process


def wait_for_successor(
    data_dir: Path, predecessor: psutil.Process, server: EmbeddedServer, seconds: float = RECOVERY_SECONDS
) -> None:
    """Wait until another process than the predecessor runs the server, and answers."""
    until(lambda: postmaster(data_dir) not in (None, predecessor) and answers(server), seconds)


def postgres_below(folder: Path) -> list[psutil.Process]:
    """Return the processes named postgres or initdb that work in a folder or below it."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            at_work = process.name() == "postgres" and Path(process.cwd()).is_relative_to(folder)
            if at_work or (process.name() == "initdb" and any(str(folder) in word for word in process.cmdline())):
                processes.append(process)
    return processes
