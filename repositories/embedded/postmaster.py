"""The PostgreSQL server of one home, as a child process."""

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

START_TIMEOUT_SECONDS = 120.0
"""Before it answers, a server that recovers from a crash reads up to 1 GB of WAL (max_wal_size)."""
SHARED_MEMORY_ERROR = "pre-existing shared memory block"
"""PostgreSQL logs this while backends of a killed postmaster are alive; once they have exited, a start succeeds."""
LOG_SETTINGS = {
    # DETAIL quotes rows, for instance the e-mail address of a refused registration.
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "logging_collector": "on",
    "log_directory": "log",
    # One file per start, day and 10 MB; `Postmaster.prune_logs` limits their number.
    "log_filename": "postgresql-%Y-%m-%d_%H%M%S.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "10MB",
}
MAX_LOG_FILES = 7


class Postmaster:
    """A server that listens on a Unix socket only; its settings of durability are PostgreSQL's defaults."""

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
        """True if the process has not ended; it may not answer yet."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status of a server that has ended, or the negative number of the signal that ended it; else None."""
        return None if self._process is None else self._process.poll()

    def start(self, cancelled: Event) -> None:
        """Start the server and return when it answers.

        If `cancelled` is set, return early; the caller must still call `stop`. If the server ends or does not answer in
        time, stop it and raise EmbeddedServerError with the end of its log.
        """
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not cancelled.is_set():
            self._launch()
            while self.runs and time.monotonic() < deadline:
                if connection_failure(self._home) is None or cancelled.wait(0.05):
                    return
            log_end = "\n".join(self._log_end())
            if self.runs or SHARED_MEMORY_ERROR not in log_end or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedServerError(
                    f"PostgreSQL could not be started in {self._home.path}. Its log ends:\n{log_end}"
                )
            processes.end_backends(self._home)
            cancelled.wait(0.1)

    def stop(self) -> None:
        """Stop the server if it runs: fast shutdown, then by force after a deadline."""
        if self._process is not None and self._process.poll() is None:
            processes.stop(psutil.Process(self._process.pid))
            self._process.wait(timeout=1.0)  # collect the zombie

    def prune_logs(self) -> None:
        """Remove all log files except the newest `MAX_LOG_FILES`."""
        for log in self._logs()[:-MAX_LOG_FILES]:
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
                start_new_session=True,  # Ctrl-C must reach Folio only, which then stops the server
            )
        finally:
            os.close(log)

    def _logs(self) -> list[Path]:
        return sorted((self._home.cluster / "log").glob("postgresql-*.log"))

    def _log_end(self) -> Iterator[str]:
        """Yield the last lines of the start-up log and of the server's own log, if this start has opened one."""
        recent = [log for log in self._logs()[-1:] if log.stat().st_mtime >= self._launched_at]
        for log in (self._home.startup_log, *recent):
            yield from log.read_text(errors="replace").splitlines()[-10:]


def connection_failure(home: Home) -> str | None:
    """Connect as superuser to the server of a home; return the reason if that fails, else None."""
    try:
        psycopg.connect(home.conninfo("postgres"), connect_timeout=2).close()
    except (psycopg.OperationalError, EmbeddedServerError) as error:
        return str(error)
    return None
