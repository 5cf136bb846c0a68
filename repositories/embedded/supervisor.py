"""Sees to it that the server of a home runs for as long as somebody needs it, in this process or in another one."""

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
from repositories.embedded.postmaster import Postmaster, silence

JOIN_TIMEOUT = 60.0
"""Seconds for another process's server to answer: it may be making a new cluster, or recovering one."""
PULSE = 0.25
"""Seconds between two looks at the server: short against the 10 s within which service returns."""
PULSE_IN_TROUBLE = 1.0
"""Seconds between two starts that fail."""
THREAD_TIMEOUT = 60.0
"""Seconds for the thread to notice that it is no longer needed: it may be stopping a predecessor (28 s)."""


class Supervisor:
    """Starts the server or joins the one that runs, then watches; what it started, it stops.

    The thread that watches holds on to the lock, or tries for it: when the process that ran the server goes, this one
    takes over. The calling thread touches the server only before that thread begins and after it has ended.
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
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="embedded-postgresql", daemon=True)

    def start(self) -> None:
        """Return when the server answers, whoever runs it, with the watch begun; raise EmbeddedServerError if never."""
        deadline = time.monotonic() + JOIN_TIMEOUT
        while not self._tend():
            reason = silence(self._home)
            if reason is None:
                break
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"Another Folio process runs PostgreSQL in {self._home.path}, but it does not answer: {reason}"
                )
            self._leaving.wait(0.1)
        self._thread.start()

    def stop(self) -> None:
        """End the watch, stop the server if this process runs it, and give up the lock; a second call does nothing."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join(THREAD_TIMEOUT)
        try:
            if self._postmaster is not None:
                self._postmaster.stop()
        finally:
            self._lock.release()

    def _tend(self) -> bool:
        """Have the server run if that is this process's to do; return whether it is."""
        if not self._lock.acquire():
            return False
        if self._postmaster is None:
            self._postmaster = self._prepare()
        if not self._postmaster.runs:
            self._postmaster.start(self._leaving)
        self._postmaster.prune_logs()
        return True

    def _prepare(self) -> Postmaster:
        programs = binaries.usable_by(self._account, self._announce)
        socket_folder = sockets.prepare(self._home, self._account)
        predecessor.clear(self._home, self._announce)
        cluster.prepare(self._home, self._account, programs, self._announce)
        return Postmaster(self._home, self._account, programs, socket_folder, self._options)

    def _watch(self) -> None:
        complaint = None
        while not self._leaving.wait(PULSE_IN_TROUBLE if complaint else PULSE):
            ran = self._postmaster is not None and self._postmaster.runs
            try:
                if self._postmaster is not None and not ran and not complaint:
                    self._announce(f"PostgreSQL ended (exit status {self._postmaster.exit_status}): starting it again.")
                if self._tend() and not ran and not self._leaving.is_set():
                    self._announce("PostgreSQL answers again; this process runs it.")
                complaint = None
            except (EmbeddedServerError, OSError, psutil.Error, subprocess.SubprocessError) as error:
                if complaint != str(error):  # said once, however often it is tried
                    complaint = str(error)
                    self._announce(complaint)
