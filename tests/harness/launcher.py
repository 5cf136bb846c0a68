"""Starts `folio` processes by fork, so that the imports, which are most of the cost of a start, happen once.

The launcher, a child process of pytest, imports the command line and listens at a socket. For each request it forks a
nurse. The nurse forks the process that runs `folio`, reports its PID, waits for its end and reports its exit status.
Shell scripts in the tests run the installed command instead.
"""

import atexit
import functools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

PATIENCE = 240.0
"""Seconds; a busy machine needs that long to start Python, initdb and a server."""

_MAX_MESSAGE_BYTES = 128 * 1024
"""The longest messages are environments."""


class Process:
    """A running `folio`, in its own session."""

    def __init__(self, arguments: list[str], environment: Mapping[str, str], stdout: IO[str], stderr: IO[str]) -> None:
        self._nurse = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._nurse.settimeout(PATIENCE)
        self._nurse.connect(_launcher())
        request = json.dumps([arguments, dict(environment)]).encode()
        socket.send_fds(self._nurse, [request], [stdout.fileno(), stderr.fileno()])
        self.pid = int(self._nurse.recv(_MAX_MESSAGE_BYTES))
        self.returncode: int | None = None

    def wait(self, timeout: float) -> int:
        """Wait for the end and return the exit status. Raises TimeoutError."""
        if self.returncode is None:
            if not self._nurse_reported(timeout):
                raise TimeoutError(f"process {self.pid} did not end within {timeout:g} s")
            self.returncode = int(self._nurse.recv(_MAX_MESSAGE_BYTES))
            self._nurse.close()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit status, or None if the process has not ended."""
        return self.wait(0) if self.returncode is not None or self._nurse_reported(0) else None

    def send_signal(self, sign: signal.Signals) -> None:
        """Send a signal to the process if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def _nurse_reported(self, timeout: float) -> bool:
        with selectors.DefaultSelector() as selector:
            selector.register(self._nurse, selectors.EVENT_READ)
            return bool(selector.select(timeout))


@functools.cache
def _launcher() -> str:
    """Start the launcher, which ends with this process, and return the path of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="folio-launcher-")
    path = Path(folder.name) / "socket"
    launcher = subprocess.Popen([sys.executable, "-m", __name__, str(path)], stdin=subprocess.PIPE)

    def stop() -> None:
        launcher.kill()
        launcher.wait()
        folder.cleanup()

    atexit.register(stop)
    deadline = time.monotonic() + PATIENCE
    while not path.exists():
        assert launcher.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return str(path)


def main(path: str) -> None:
    """Listen at a path until standard input ends."""
    from api.cli import commands as cli  # noqa: F401, PLC0415 - imported once for all processes

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies of nurses
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path + ".new")
    listener.listen()
    Path(path + ".new").rename(path)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while all(key.fileobj is listener for key, _ in selector.select()):
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                selector.close()
                _run_nurse(client)
                return
            client.close()


def _run_nurse(client: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, descriptors, _, _ = socket.recv_fds(client, _MAX_MESSAGE_BYTES, 2)
    pid = os.fork()
    if pid == 0:
        client.close()
        _run_folio(*json.loads(request), *descriptors)
        return
    client.send(str(pid).encode())
    _, status = os.waitpid(pid, 0)
    client.send(str(os.waitstatus_to_exitcode(status)).encode())


def _run_folio(arguments: list[str], environment: dict[str, str], stdout: int, stderr: int) -> None:
    from api.cli import commands as cli  # noqa: PLC0415 - imported by main

    os.setsid()
    for source, target in ((os.open(os.devnull, os.O_RDONLY), 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["folio", *arguments]
    cli.main()


if __name__ == "__main__":
    main(sys.argv[1])
