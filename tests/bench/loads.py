"""Load from outside, in processes of its own: wrk if it is installed, else this module's own generator.

In both, each client sends its next request when it has the answer to its last one.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.requests import Renderer, Request
from tests.bench.results import percentile

WRK = shutil.which("wrk")
TIMEOUT_SECONDS = 20
"""A request without an answer for so long is an error; Folio answers within 10 s."""


@dataclass(frozen=True)
class Load:
    """The answers of a load: their number, the errors among them, and their time in milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


class Generator:
    """A running process that sends a load to a port of this machine for some seconds, and then ends."""

    def __init__(self, port: int, request: Request, clients: int, seconds: float, wrk: str | None = WRK) -> None:
        variables, content = {}, ""
        if wrk and seconds >= 1:  # wrk takes whole seconds only
            url = f"http://127.0.0.1:{port}"
            threads, script = min(2, clients), Path(__file__).with_name("wrk.lua")
            options = [f"-t{threads}", f"-c{clients}", f"-d{round(seconds)}", f"--timeout={TIMEOUT_SECONDS}"]
            command = [wrk, *options, "-s", str(script), url]
            variables = _variables(request)
        else:
            command = [sys.executable, "-m", __name__]
            content = json.dumps({"port": port, "clients": clients, "seconds": seconds, "request": asdict(request)})
        self._process = subprocess.Popen(
            command, env=os.environ | variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._content = content
        self._seconds = seconds

    def finish(self) -> Load:
        """Wait for the end and return the load."""
        try:
            stdout, _ = self._process.communicate(self._content, timeout=self._seconds + 2 * TIMEOUT_SECONDS)
        finally:
            self._process.kill()
        return Load(**json.loads(stdout.splitlines()[-1]))


def _variables(request: Request) -> dict[str, str]:
    return {
        "BENCH_HEAD": request.head,
        "BENCH_BODY": request.body,
        "BENCH_ACCOUNTS_PER_USER": str(request.accounts_per_user),
        "BENCH_RUN": secrets.token_hex(6),
        "BENCH_SEED": str(secrets.randbits(31)),
    }


class Client:
    """One connection, with at most one request in flight."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self.sent_at = 0.0
        self._answer = b""

    def send(self, request: bytes) -> None:
        self._answer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read the bytes that arrived; return the status if the answer is complete. Raises ConnectionError."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise ConnectionResetError
        self._answer += chunk
        head, separator, body = self._answer.partition(b"\r\n\r\n")
        if not separator:
            return None
        _, _, length = head.lower().partition(b"\r\ncontent-length:")
        return int(head[9:12]) if len(body) >= int(length.split(b"\r\n")[0]) else None


def generate(port: int, request: Request, clients: int, seconds: float) -> Load:
    """Send requests from so many clients until the time is up and an answer has come; later answers do not count."""
    renderer = Renderer(request)
    latencies: list[float] = []
    errors = 0
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as stack:

        def connect() -> None:
            client = Client(port)
            stack.enter_context(client.socket)
            selector.register(client.socket, selectors.EVENT_READ, client)
            client.send(renderer.render())

        for _ in range(clients):
            connect()
        start = time.perf_counter()
        while (rest := start + seconds - time.perf_counter()) > 0 or not latencies:
            for ready, _ in selector.select(max(rest, 0.01)):
                client: Client = ready.data
                try:
                    status = client.receive()
                except ConnectionError:
                    errors += 1
                    selector.unregister(client.socket)
                    connect()
                    continue
                if status:
                    latencies.append((time.perf_counter() - client.sent_at) * 1000)
                    errors += not 200 <= status < 300
                    client.send(renderer.render())
        duration = time.perf_counter() - start
    return Load(len(latencies), duration, percentile(latencies, 50), percentile(latencies, 99), errors)


if __name__ == "__main__":
    options = json.load(sys.stdin)
    load = generate(options.pop("port"), Request(**options.pop("request")), **options)
    print(json.dumps(asdict(load)))  # noqa: T201 - the result, for Generator
