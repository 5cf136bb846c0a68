"""Looking at a server from outside, and other processes that use it."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import psycopg

from repositories.embedded import EmbeddedServer, EmbeddedServerError

T = TypeVar("T")

HEALED_WITHIN = 40.0
"""Seconds in which service returns: 10 by DESIGN.md, on a machine that is not stopped for most of the time."""

# To run as another user it imports what it needs first: that user may not be able to enter the interpreter's folder.
HOLD = """
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


class Holder:
    """Another process in the context of `running()`, until it is told to leave or is killed."""

    def __init__(self, data_dir: Path, *identity: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(data_dir), *map(str, identity)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def says(self) -> str:
        """Wait for what it says: `ready`, or why it cannot be."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate(timeout=60)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


@contextlib.contextmanager
def holder(data_dir: Path, *identity: int) -> Iterator[Holder]:
    """Start another process that holds the server, as another user if uid and gid are given; it leaves at the end."""
    other = Holder(data_dir, *identity)
    try:
        yield other
    finally:
        other.leave()


def eventually(probe: Callable[[], T | None], within: float = HEALED_WITHIN) -> T:
    """Poll until the probe returns something, and return that."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = probe()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{probe} found nothing within {within} s")


def answer(server: EmbeddedServer, query: str = "SELECT 1") -> object:
    """Return the first value of a query's first row."""
    with psycopg.connect(server.conninfo("postgres")) as connection:
        row = connection.execute(query.encode()).fetchone()
        return None if row is None else row[0]


def answers(server: EmbeddedServer) -> bool:
    try:
        return answer(server) == 1
    except (psycopg.OperationalError, EmbeddedServerError):
        return False


def keep(server: EmbeddedServer) -> None:
    """Commit something that must last."""
    with psycopg.connect(server.conninfo("postgres")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS value")


def kept(server: EmbeddedServer) -> bool:
    """Whether what `keep` committed is there."""
    return answer(server, "SELECT value FROM kept") == 42


def postmaster(data_dir: Path) -> psutil.Process | None:
    """Return the server's process, as its own file names it, if there is one."""
    try:
        return psutil.Process(int((data_dir / "postgresql" / "cluster" / "postmaster.pid").read_text().split()[0]))
    except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
        return None


def successor(data_dir: Path, predecessor: psutil.Process, server: EmbeddedServer) -> Callable[[], bool]:
    """Return a probe that finds another server in the place of one, and finds it answering."""
    return lambda: postmaster(data_dir) not in (None, predecessor) and answers(server)


def running_postmaster(data_dir: Path) -> psutil.Process:
    process = postmaster(data_dir)
    assert process is not None
    return process


def ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def postgres_below(folder: Path) -> list[psutil.Process]:
    """List the processes named postgres or initdb that work in a folder or below it."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            at_work = process.name() == "postgres" and Path(process.cwd()).is_relative_to(folder)
            if at_work or (process.name() == "initdb" and any(str(folder) in word for word in process.cmdline())):
                found.append(process)
    return found
