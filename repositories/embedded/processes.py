"""Finds the server's processes, checks whether they have ended, and stops them."""

import contextlib
import signal
import time
from pathlib import Path

import psutil

from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import Home

STOP_SIGNALS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0))
"""Fast shutdown, immediate shutdown and kill, each with its timeout in seconds.

Fast shutdown writes a checkpoint. Immediate shutdown gives backends 5 s, and the next start recovers from the log.
"""


def server_of(home: Home, pid: int | None) -> psutil.Process | None:
    """Return the process with this PID if it is a running postgres whose working folder is this home's cluster."""
    try:
        process = None if pid is None else psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None
    return process if process is not None and _works_in(home, process) else None


def end_backends(home: Home) -> None:
    """Make the backends of a killed postmaster exit now. Needs the home's lock, and that no postmaster runs.

    An idle backend exits by itself. A busy one would keep the shared memory until its statement ends, and so delay the
    next start.
    """
    for process in psutil.process_iter():
        if _works_in(home, process):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGQUIT)


def _works_in(home: Home, process: psutil.Process) -> bool:
    try:
        return process.name() == "postgres" and Path(process.cwd()).samefile(home.cluster) and not has_ended(process)
    except (psutil.Error, OSError):  # it has ended or is another user's, or its folder was removed
        return False


def has_ended(process: psutil.Process) -> bool:
    """Return True if a process has ended. A zombie has: in a container it may never be collected."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def stop(process: psutil.Process) -> None:
    """Stop a server by `STOP_SIGNALS`. If its PID was reused meanwhile, the other process is not signalled."""
    for signum, timeout_seconds in STOP_SIGNALS:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signum)
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            if has_ended(process):
                return
            time.sleep(0.02)
    raise EmbeddedServerError(
        f"PostgreSQL (PID {process.pid}) did not end after SIGKILL. Check its disk, then start Folio again."
    )
