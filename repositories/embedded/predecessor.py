"""Cleans up after a killed Folio, which leaves a server without a supervisor, or files with the PID of an ended one."""

import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from repositories.embedded import processes, sockets
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import Home


def clear(home: Home, announce: Callable[[str], None]) -> None:
    """Stop an orphaned server of this home, and remove stale files that would keep a new server from starting.

    Needs the home's lock, which proves that no running Folio supervises a server here. Only a postgres process that
    works in this data directory is signalled, not any process whose PID is in a stale file.
    """
    pid = _read_pid(home.cluster / "postmaster.pid")
    orphan = processes.server_of(home, pid)
    if orphan is not None:
        announce(f"Stopping the PostgreSQL server of a Folio that was killed (PID {orphan.pid}).")
        processes.stop(orphan)
    elif _socket_answers(home):
        raise EmbeddedServerError(
            f"Another PostgreSQL answers in {home.path}, and its process (PID {pid}) is not visible here; it may run in"
            " a container. Stop it, or set FOLIO_DATA_DIR to another folder."
        )
    elif pid is not None and psutil.pid_exists(pid):
        # PostgreSQL would mistake the process that now has this PID for a server. If no process has the PID, keep the
        # file: by its shared memory key, PostgreSQL detects backends that have not exited yet.
        (home.cluster / "postmaster.pid").unlink()
    sockets.clear(home)


def _read_pid(file: Path) -> int | None:
    """Return the PID in postmaster.pid, or None if there is no file or it is of a single-user server (negative)."""
    try:
        pid = int(file.read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 else None


def _socket_answers(home: Home) -> bool:
    """Return True if a process, for instance in another container, accepts connections at the home's socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(home.socket.resolve() / sockets.NAME))
        except OSError:
            return False
        return True
