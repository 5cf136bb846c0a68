"""Keeps the server of a home running, in this process or in another one."""

import subprocess
import threading
import time
from collections.abc import Callable, Mapping

import psutil

from repositories.embedded import binaries, cluster, predecessor, sockets
from repositories.embedded.account import Account
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import Home
from repositories.embedded.lock import Lock
from repositories.embedded.postmaster import Postmaster, connection_failure

JOIN_TIMEOUT_SECONDS = 60.0
"""The server of another process may be creating its cluster, or recovering, before it answers."""
CHECK_INTERVAL_SECONDS = 0.25
"""Short compared with the 10 s within which service must return after the server ends."""
RETRY_INTERVAL_SECONDS = 1.0
THREAD_TIMEOUT_SECONDS = 60.0
"""When it is told to end, the thread may be stopping a predecessor, which takes up to 28 s."""


class Supervisor:
    """Starts the server, or joins the one of another process, and restarts it until it is told to stop.

    A thread tries for the lock as long as another process has it, and takes the server over when that process ends.
    The calling thread touches the server only before that thread starts and after it has ended.
    """

    def __init__(
        self, home: Home, account: Account, announce: Callable[[str], None], options: Mapping[str, str]
    ) -> None:
        self._home = home
        self._account = account
        self._announce = announce
        self._options = options
        self._lock = Lock(home)
        self._postmaster: Postmaster | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="embedded-postgresql", daemon=True)

    def start(self) -> None:
        """Start or join the server, return when it answers, and keep watching it in a thread.

        Raises EmbeddedServerError if the server cannot be started, or if that of another process does not answer.
        """
        deadline = time.monotonic() + JOIN_TIMEOUT_SECONDS
        while not self._ensure_running():
            reason = connection_failure(self._home)
            if reason is None:
                break
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Another Folio process runs PostgreSQL in {self._home.path}, but the server does not answer:"
                    f" {reason}. Stop that process, and start Folio again."
                )
            self._stopping.wait(0.1)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, stop the server if this process runs it, and release the lock; a second call is a no-op."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(THREAD_TIMEOUT_SECONDS)
        try:
            if self._postmaster is not None:
                self._postmaster.stop()
        finally:
            self._lock.release()

    def _ensure_running(self) -> bool:
        """Start the server if it does not run, and return True; return False if another process has the lock."""
        if not self._lock.acquire():
            return False
        if self._postmaster is None:
            self._postmaster = self._new_postmaster()
        if not self._postmaster.runs:
            self._postmaster.start(self._stopping)
        self._postmaster.prune_logs()
        return True

    def _new_postmaster(self) -> Postmaster:
        programs = binaries.usable_by(self._account, self._announce)
        socket_folder = sockets.make_folder(self._home, self._account)
        predecessor.clear(self._home, self._announce)
        cluster.ensure(self._home, self._account, programs, self._announce)
        return Postmaster(self._home, self._account, programs, socket_folder, self._options)

    def _watch(self) -> None:
        failure = None
        while not self._stopping.wait(RETRY_INTERVAL_SECONDS if failure else CHECK_INTERVAL_SECONDS):
            ran = self._postmaster is not None and self._postmaster.runs
            try:
                if self._postmaster is not None and not ran and not failure:
                    self._announce(f"PostgreSQL ended (exit status {self._postmaster.exit_status}): restarting it.")
                if self._ensure_running() and not ran and not self._stopping.is_set():
                    self._announce("PostgreSQL answers again; this process runs it.")
                failure = None
            except (EmbeddedServerError, OSError, psutil.Error, subprocess.SubprocessError) as error:
                if failure != str(error):  # announce a failure once, not at each retry
                    failure = str(error)
                    self._announce(failure)
