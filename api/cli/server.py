"""Serve with uvicorn, in this process or in workers."""

import errno
import signal
import socket
import sys
import time
from types import FrameType

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.cli.connections import raise_file_limit
from api.cli.protocol import BoundedProtocol
from api.ops import metrics
from api.process.drain import STOP_SIGNALS, grace
from api.process.settings import Settings, bracketed
from api.process.startup import StartupError

APPLICATION = "api.cli.worker:application"
"""The factory that a worker process imports and calls; the parent need not import the routes."""


WORKER_SECONDS = 30
"""Seconds that a worker may not answer its parent: one that starts on a busy machine imports Folio for more than
uvicorn's 5 s, and would be replaced without end."""


class Workers(Multiprocess):
    """uvicorn's worker processes; the last one to end closes the socket, since the parent closes its own copy first."""

    failed = False
    """Whether a worker ended before it served: it would end again."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket.socket]) -> None:
        hangup = signal.getsignal(signal.SIGHUP)
        super().__init__(config, sockets)
        if hangup == signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # nohup
        self._served: set[int | None] = set()
        self._begun: dict[int | None, float] = {}
        """The time at which each worker was first asked."""

    def terminate_all(self) -> None:
        """Tell every worker to end, and close this process's copy of the socket."""
        super().terminate_all()
        for listener in self.sockets:
            listener.close()

    def handle_hup(self) -> None:
        """Stop: uvicorn would replace the workers, and lose those of a terminal that was closed."""
        self.handle_term()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended; stop if one ended with an error before it served.

        uvicorn's own check comes once every worker has served, ended or had its time to start. It waits for the answer
        of a worker that starts, and replaces it unnoticed if it ended meanwhile.
        """
        for worker in self.processes:
            if worker.pid in self._served:
                continue
            begun = self._begun.setdefault(worker.pid, time.monotonic())
            if worker.is_ready(timeout=1):
                self._served.add(worker.pid)
                continue
            status = worker.exitcode
            if status is not None and status > 0:
                self.failed = True
                self.should_exit.set()
                return
            if status is None and time.monotonic() - begun < WORKER_SECONDS:
                return
        stopping = self.should_exit.is_set()
        super().keep_subprocess_alive()
        self.failed |= self.should_exit.is_set() and not stopping


def listen(settings: Settings) -> socket.socket:
    """Return a socket that has the port and listens; clients wait until a worker accepts.

    Raises StartupError if the port or the address cannot be had.
    """
    host, port = settings.host, settings.port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        hint = {
            errno.EADDRINUSE: f"Port {port} is taken. Choose another by FOLIO_PORT or --port.",
            errno.EACCES: f"This user may not listen on port {port}. Choose another by FOLIO_PORT or --port.",
        }.get(error.errno or 0, f"{error.strerror}. Check FOLIO_HOST.")
        raise StartupError(f"Cannot listen on {bracketed(host)}:{port}. {hint}") from error


def serve(settings: Settings, listener: socket.socket) -> None:
    """Serve until SIGTERM, SIGHUP or SIGINT, then finish accepted requests; SystemExit if the server cannot start."""
    raise_file_limit()
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ForwardedClient judges them
        timeout_keep_alive=settings.keep_alive,
        timeout_graceful_shutdown=grace(settings.drain_time),
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    if settings.workers > 1:
        with metrics.of_workers():
            workers = Workers(config, sockets=[listener])
            workers.run()
        started = not workers.failed
    else:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        started = server.started
    if not started:
        sys.exit(STARTUP_FAILURE)


def stop_on_signals() -> None:
    """Turn SIGTERM and SIGHUP into SystemExit, so that every context exits: uvicorn raises SIGTERM again when it ends.

    A SIGHUP that was ignored at the start stays ignored: nohup.
    """

    def stop(_: int, __: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the exit
        sys.exit(0)

    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    for number in numbers:
        signal.signal(number, stop)
