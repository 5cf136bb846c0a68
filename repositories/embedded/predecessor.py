"""What a killed Folio leaves behind: a server without a supervisor, or files that name a process long gone."""

import socket
from collections.abc import Callable
from pathlib import Path

import psutil

from repositories.embedded import processes, sockets
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import Home


def clear(home: Home, announce: Callable[[str], None]) -> None:
    """End an orphaned server of this home and remove what would keep a new one from starting.

    Only for the holder of the lock: no living Folio then supervises a server here. A process is signalled only if it is
    a postgres at work in this very data directory; whose PID merely stands in a stale file, is left alone.
    """
    pid = _pid(home.cluster / "postmaster.pid")
    orphan = processes.server_of(home, pid)
    if orphan is not None:
        announce(f"Stopping the PostgreSQL that a killed Folio left behind (PID {orphan.pid}).")
        processes.stop(orphan)
    elif _listens(home):
        raise EmbeddedServerError(
            f"A PostgreSQL that is not among this machine's visible processes answers in {home.path} (PID {pid} there)."
        )
    elif pid is not None and psutil.pid_exists(pid):
        # PostgreSQL would take the process that has the PID now for a server. The file of a dead one stays: its shared
        # memory key lets PostgreSQL wait for backends that are still ending.
        (home.cluster / "postmaster.pid").unlink()
    sockets.clear(home)


def _pid(file: Path) -> int | None:
    """Return the PID in a server's file; none if there is no file, and none for a single-user server (negative)."""
    try:
        pid = int(file.read_text().partition("\n")[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if pid > 0 else None


def _listens(home: Home) -> bool:
    """Whether anybody accepts connections at the home's socket, for instance from another container."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(2.0)
        try:
            client.connect(str(home.socket.resolve() / sockets.NAME))
        except OSError:
            return False
        return True
