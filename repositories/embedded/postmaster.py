"""The PostgreSQL server of one home, as a child of this process."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event

import psutil
import psycopg

from repositories.embedded import processes
from repositories.embedded.account import Account
from repositories.embedded.binaries import Binaries
from repositories.embedded.errors import EmbeddedServerError
from repositories.embedded.home import PORT, Home

START_TIMEOUT = 120.0
"""Seconds until a started server must answer: crash recovery reads up to 1 GB of WAL (max_wal_size) before it does."""
SHARED_MEMORY = "pre-existing shared memory block"
"""Said while backends of a killed postmaster are still there; once they are not, a start succeeds."""
LOG_SETTINGS = {
    "logging_collector": "on",
    "log_directory": "log",
    # A file for each start, day and 10 MB. PostgreSQL bounds their size, `Postmaster.prune_logs` their number.
    "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "10MB",
}
KEPT_LOGS = 7


class Postmaster:
    """A server that listens on a Unix socket only, and keeps PostgreSQL's own defaults of durability."""

    def __init__(
        self, home: Home, account: Account, binaries: Binaries, socket_folder: Path, options: Mapping[str, str]
    ) -> None:
        self._home = home
        self._account = account
        self._process: subprocess.Popen[bytes] | None = None
        self._launched_at = 0.0
        quoted = str(socket_folder).replace('"', '""')  # the setting is a list of names
        fixed = {"listen_addresses": "", "port": PORT, "unix_socket_directories": f'"{quoted}"'}
        settings = LOG_SETTINGS | dict(options) | fixed
        self._command = [binaries.postgres, "-D", str(home.cluster)]
        self._command += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]

    @property
    def runs(self) -> bool:
        """Whether the process is there; it may not answer yet."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status of a server that was started and has ended; negative for the signal that ended it."""
        return None if self._process is None else self._process.poll()

    def start(self, cancelled: Event) -> None:
        """Start the server and return when it answers, or early if `cancelled` is set; then `stop` is still due.

        A server that ends instead, or does not answer in time, is an error that quotes its log, and nothing runs.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while not cancelled.is_set():
            self._launch()
            while self.runs and time.monotonic() < deadline:
                if silence(self._home) is None or cancelled.wait(0.05):
                    return
            last_words = "\n".join(self._last_words())
            if self.runs or SHARED_MEMORY not in last_words or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(
                    f"PostgreSQL could not be started in {self._home.path}. Its log ends:\n{last_words}"
                )
            processes.end_backends(self._home)
            cancelled.wait(0.1)

    def stop(self) -> None:
        """Shut the server down if it runs: fast, and by force after a deadline."""
        if self._process is not None and self._process.poll() is None:
            processes.stop(psutil.Process(self._process.pid))
            self._process.wait(timeout=1.0)  # collects the zombie that it is by now

    def prune_logs(self) -> None:
        """Remove all but the newest logs."""
        for log in self._logs()[:-KEPT_LOGS]:
            log.unlink(missing_ok=True)

    def _launch(self) -> None:
        self._launched_at = time.time()
        log = self._home.open(self._home.startup_log, os.O_WRONLY | os.O_TRUNC)
        try:
            self._process = subprocess.Popen(  # noqa: S603 the wheel's own program
                self._command,
                **self._account.process_options,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for Folio, which then stops the server
            )
        finally:
            os.close(log)

    def _logs(self) -> list[Path]:
        return sorted((self._home.cluster / "log").glob("postgresql-*.log"))

    def _last_words(self) -> Iterator[str]:
        """Yield the last lines of the start-up log, and of the server's own log if it came so far."""
        recent = [log for log in self._logs()[-1:] if log.stat().st_mtime >= self._launched_at]
        for log in (self._home.startup_log, *recent):
            yield from log.read_text(errors="replace").splitlines()[-10:]


def silence(home: Home) -> str | None:
    """Say why the server of a home does not let the superuser connect, or None if it does."""
    try:
        psycopg.connect(home.conninfo("postgres"), connect_timeout=2).close()
    except (psycopg.OperationalError, EmbeddedServerError) as error:
        return str(error)
    return None
