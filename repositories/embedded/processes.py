"""The server's processes: whether one is ours, whether it has ended, and how it is made to end."""

import contextlib
import signal
import time
from pathlib import Path

import psutil

from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import Home

STOP_SIGNALS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0))
"""Fast shutdown, then immediate shutdown, then the end, each with the seconds that it may take.

Fast shutdown writes a checkpoint. Immediate shutdown gives backends 5 s, and leaves crash recovery to the next start.
"""


def server_of(home: Home, pid: int | None) -> psutil.Process | None:
    """Return the process with this PID if it is a live postgres whose working folder is this home's cluster."""
    try:
        process = None if pid is None else psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
    return process if process is not None and _works_in(home, process) else None


def end_backends(home: Home) -> None:
    """Tell the backends of a postmaster that was killed to exit now.

    Idle ones do so by themselves; one that computes would hold the shared memory, and with it the next start, until
    its statement is done. Only for the holder of the lock, while no postmaster runs.
    """
    for process in psutil.process_iter():
        if _works_in(home, process):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)


def _works_in(home: Home, process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()).samefile(home.cluster) and not gone(process)
    except (psutil.Error, OSError):  # it ended, or is another user's, or its folder was removed
        return False


def gone(process: psutil.Process) -> bool:
    """Whether a process has ended; a zombie has, and in a container nobody may ever collect it."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop(process: psutil.Process) -> None:
    """End a server by ever harder signals, each with its deadline. A PID that was given away meanwhile is not hit."""
    for signum, patience in STOP_SIGNALS:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signum)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if gone(process):
                return
            time.sleep(0.02)
    raise EmbeddedServerError(f"PostgreSQL (PID {process.pid}) does not end, even by SIGKILL.")
