"""Runs the commands of Folio in child processes."""

import json
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import httpx

from tests.harness.launcher import PATIENCE, Process


@dataclass(frozen=True)
class CompletedCommand:
    """The result of a command."""

    returncode: int
    stdout: str
    stderr: str


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with these settings of Folio only, and a long start timeout."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOLIO_")}
    # These services have no load balancer, and need no time to drain.
    return inherited | {"FOLIO_START_TIMEOUT": str(PATIENCE), "FOLIO_DRAIN_TIME": "0"} | dict(settings)


def command(*arguments: str, settings: Mapping[str, str]) -> CompletedCommand:
    """Run a command and wait for its end."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        returncode = Process(list(arguments), environment(settings), stdout, stderr).wait(PATIENCE)
        return CompletedCommand(returncode, _content(stdout), _content(stderr))


def _content(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Poll a condition until it is true; fail after a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{condition} not met within {seconds:g} s"
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """A running `folio serve`."""

    def __init__(self, settings: Mapping[str, str], *options: str) -> None:
        self.port = free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=15)
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by close()
        arguments = ["serve", "--port", str(self.port), *options]
        self.process = Process(arguments, environment(settings), self._stderr, self._stderr)

    def answers(self, path: str = "/readyz") -> bool:
        """Return True if a path answers 200."""
        assert self.process.poll() is None, _content(self._stderr)
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def end(self, sign: signal.Signals) -> int:
        """Send a signal to the service, wait for its end and return its exit status."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def close(self) -> str:
        """Wait for the end and return the service's output."""
        self.http.close()
        self.process.wait(PATIENCE)
        with self._stderr:
            return _content(self._stderr)

    def request(self, method: str, path: str, key: str = "", **options: Any) -> httpx.Response:
        """Send a request, with an API key if one is given."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(method, path, headers=headers | options.pop("headers", {}), **options)


@contextmanager
def service(settings: Mapping[str, str], *options: str) -> Iterator[Service]:
    """Run `folio serve` until the context ends; it is ready when the context begins."""
    running = Service(settings, *options)
    try:
        until(running.answers)
        yield running
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.close()


def printed(completed: CompletedCommand) -> dict[str, Any]:
    """Return the JSON output of a command that succeeded."""
    assert completed.returncode == 0, completed.stderr
    output: dict[str, Any] = json.loads(completed.stdout)
    return output
