"""The contestants: programs that do the work of a scenario, measured from outside."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import httpx

from api.process.settings import Settings
from tests.bench import pgbench
from tests.bench.loads import Generator, Load
from tests.bench.pgbench import SPREAD, Script, Unusable
from tests.bench.processes import cpu_seconds, worker_memory
from tests.bench.requests import Request
from tests.bench.results import Measurement
from tests.bench.scenarios import EMPTY, FOLIO, LARGE, ORM, PGBENCH, PRESENT, TUTORIAL, UNGATHERED, UNLOGGED
from tests.harness.processes import free_port, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.bench.databases import Server
    from tests.bench.scenarios import Work

WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""One for each core, for Folio and for each peer."""
BACKGROUND_CLIENTS = 64
STOP_SECONDS = 30
# Restarts and audits of a real service would fall into one round of many; the rest is as users run it.
FOLIO_SETTINGS = {
    "FOLIO_WORKERS": str(WORKERS),
    "FOLIO_DRAIN_TIME": "0",
    "FOLIO_AUDIT_INTERVAL": "0",
    "FOLIO_WRONG_KEYS_PER_MINUTE": "0",
    "FOLIO_REQUESTS_PER_CALLER": "0",
    "FOLIO_POOL_SHARE_PER_CALLER": "1",
}


class Unavailable(Exception):
    """A contestant cannot run; the message is the reason."""


class Contestant(Protocol):
    """A program that does work while it runs."""

    @property
    def max_clients(self) -> int:
        """Return the largest number of clients that it is measured with."""

    def measure(self, work: Work, clients: int, seconds: float, background: Request | None) -> Measurement:
        """Put load on the contestant for some seconds."""

    def memory(self) -> float | None:
        """Return the MB of the largest worker, or None for a client program."""


@dataclass(frozen=True)
class PgbenchContestant:
    """pgbench, whose own CPU is not counted: it is the client."""

    server: Server
    max_clients: int = pgbench.MAX_CLIENTS

    def measure(self, work: Work, clients: int, seconds: float, background: Request | None) -> Measurement:  # noqa: ARG002
        assert isinstance(work, Script)
        before = cpu_seconds(self.server.pid)
        load = pgbench.run(work, self.server.conninfo("folio_main"), clients, seconds)
        return _measurement(load, 0, cpu_seconds(self.server.pid) - before)

    def memory(self) -> None:
        return None


@dataclass(frozen=True)
class Service:
    """A running HTTP service on a port of this machine."""

    pid: int
    port: int
    server_pid: int
    """The PostgreSQL server that it uses."""
    max_clients: int = 10_000

    def measure(self, work: Work, clients: int, seconds: float, background: Request | None) -> Measurement:
        assert isinstance(work, Request)
        # A second more, so that it does not end before the measured load.
        other = Generator(self.port, background, BACKGROUND_CLIENTS, seconds + 1) if background else None
        before = cpu_seconds(self.pid), cpu_seconds(self.server_pid)
        load = Generator(self.port, work, clients, seconds).finish()
        service, server = cpu_seconds(self.pid) - before[0], cpu_seconds(self.server_pid) - before[1]
        if other:
            other.finish()
            service = server = math.nan
        return _measurement(load, service, server, work.transfers)

    def memory(self) -> float:
        return worker_memory(self.pid)


def _measurement(load: Load, service: float, server: float, weight: int = 1) -> Measurement:
    successes = max(load.requests - load.errors, 0) * weight
    if not successes:
        return Measurement(0, math.nan, math.nan, load.errors, math.nan, math.nan)
    cpu = (seconds / successes * 1e6 for seconds in (service, server))
    return Measurement(successes / load.seconds, load.p50, load.p99, load.errors, *cpu)


@contextmanager
def running(command: list[str], environment: Mapping[str, str], log: Path, url: str) -> Iterator[int]:
    """Run a service until the context ends, and yield its PID once a URL answers 200."""
    with log.open("w") as output, httpx.Client() as http:
        process = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )

        def answers() -> bool:
            if process.poll() is not None:
                raise Unavailable(f"{' '.join(command)} ended: {log.read_text()[-500:]}")
            try:
                return http.get(url).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        try:
            until(answers)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # its own session: only processes that it started
                process.wait()


@contextmanager
def folio(settings: Mapping[str, str], log: Path) -> Iterator[tuple[int, int]]:
    """Run `folio serve` as users run it until the context ends; yield its PID and port once it is ready."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOLIO_")}
    port = free_port()
    command = [str(Path(sys.executable).with_name("folio")), "serve", "--port", str(port)]
    environment = inherited | FOLIO_SETTINGS | dict(settings)
    with running(command, environment, log, f"http://127.0.0.1:{port}/readyz") as pid:
        yield pid, port


@contextmanager
def _folio(server: Server, log: Path, settings: Mapping[str, str], prefix: str = "folio") -> Iterator[Service]:
    for name in settings:
        if name.removeprefix("FOLIO_").lower() not in Settings.model_fields:
            raise Unavailable(f"this Folio has no setting {name}")
    urls = {f"FOLIO_{name.upper()}_DATABASE_URL": server.url(f"{prefix}_{name}") for name in ("main", "catalog")}
    with folio(urls | dict(settings), log) as (pid, port):
        yield Service(pid, port, server.pid)


@contextmanager
def _peer(server: Server, log: Path, module: str, database: str) -> Iterator[Service]:
    port = free_port()
    options = ["--port", str(port), "--workers", str(WORKERS), "--no-access-log", "--log-level", "warning"]
    command = [sys.executable, "-m", "uvicorn", f"tests.bench.peers.{module}:app", *options]
    environment = os.environ | {"BENCH_DATABASE_URL": server.url(database)}
    with running(command, environment, log, f"http://127.0.0.1:{port}/openapi.json") as pid:
        yield Service(pid, port, server.pid)


@contextmanager
def _pgbench(server: Server, log: Path, script: Script) -> Iterator[PgbenchContestant]:
    if not pgbench.PROGRAM.exists():
        raise Unavailable(f"{pgbench.PROGRAM} does not exist")
    try:
        script.text()
    except Unusable as error:
        raise Unavailable(str(error)) from error
    yield PgbenchContestant(server)


CONTESTANTS: dict[str, Callable[[Server, Path], AbstractContextManager[Contestant]]] = {
    PGBENCH: partial(_pgbench, script=Script(SPREAD)),
    PRESENT: partial(_pgbench, script=Script(SPREAD, present=True)),
    FOLIO: partial(_folio, settings={}),
    UNGATHERED: partial(_folio, settings={"FOLIO_GATHER": "false"}),
    UNLOGGED: partial(_folio, settings={"FOLIO_LOG_REQUESTS": "false"}),
    LARGE: partial(_folio, settings={}, prefix="large"),
    ORM: partial(_peer, module="orm", database="folio_main"),
    TUTORIAL: partial(_peer, module="tutorial", database="tutorial"),
    EMPTY: partial(_peer, module="empty", database="tutorial"),
}
"""Starts a contestant on a server, with a log file, until the context ends. Raises Unavailable."""
