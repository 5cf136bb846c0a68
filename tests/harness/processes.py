"""Folio as a user starts it: its commands, in processes of their own."""

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
class Done:
    """What a command did."""

    returncode: int
    stdout: str
    stderr: str


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with no setting of Folio's but these, and patience."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("FOLIO_")}
    # No load balancer looks at these services: they leave at once.
    return others | {"FOLIO_START_TIMEOUT": str(PATIENCE), "FOLIO_DRAIN_TIME": "0"} | dict(settings)


def command(*arguments: str, settings: Mapping[str, str]) -> Done:
    """Run a command to its end."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        returncode = Process(list(arguments), environment(settings), stdout, stderr).wait(PATIENCE)
        return Done(returncode, _written(stdout), _written(stderr))


def _written(file: IO[str]) -> str:
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
        """Tell whether a path answers 200."""
        assert self.process.poll() is None, _written(self._stderr)
        try:
            return self.http.get(path).status_code == 200
        except httpx.TransportError:
            return False

    def end(self, sign: signal.Signals) -> int:
        """Send a signal to the service itself, and return its exit status."""
        self.process.send_signal(sign)
        return self.process.wait(PATIENCE)

    def close(self) -> str:
        """Wait for the end and return what the service said on standard error."""
        self.http.close()
        self.process.wait(PATIENCE)
        with self._stderr:
            return _written(self._stderr)

    def request(self, method: str, path: str, key: str = "", **more: Any) -> httpx.Response:
        """Send a request, with an API key if one is given."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self.http.request(method, path, headers=headers | more.pop("headers", {}), **more)


@contextmanager
def service(settings: Mapping[str, str], *options: str) -> Iterator[Service]:
    """Run `folio serve` until the context ends, ready when it begins."""
    running = Service(settings, *options)
    try:
        until(running.answers)
        yield running
    finally:
        running.process.send_signal(signal.SIGTERM)
        running.close()


def printed(done: Done) -> dict[str, Any]:
    """Return what a command printed with --json."""
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value
