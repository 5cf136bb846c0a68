"""Servers that a test stops and starts: containers where the tests run in one, else embedded ones."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg

from repositories.embedded import EmbeddedServer
from tests.memory import memory
from tests.postgres import KIND, OPTIONS, new_container
from tests.serving.processes import free_port, until


class Server(Protocol):
    """A PostgreSQL with one empty database, at an address that stays the same."""

    conninfo: str

    def start(self) -> None:
        """Start it, with all that it had; return when it answers."""

    def stop(self) -> None:
        """Stop it; whoever is connected is cut off."""


class Container:
    """A server in a container of its own."""

    def __init__(self, options: Mapping[str, str]) -> None:
        port = free_port()
        self._container = new_container(options).with_bind_ports(5432, port)
        self._container.start()
        self.conninfo = f"host=127.0.0.1 port={port} user=test password=test dbname=test"

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        until(self._answers)

    def stop(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown: SIGTERM would wait for every client to leave.
        self._container.get_wrapped_container().kill("SIGINT")
        self._container.get_wrapped_container().wait()

    def remove(self) -> None:
        self._container.stop()

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.conninfo, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True


class Embedded:
    """An embedded server in a folder of its own."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="folio-server-", dir=memory()))
        self._folder.chmod(0o755)
        self._server = EmbeddedServer(self._folder, postgres_options=options)
        self._running = ExitStack()
        self.start()
        self.conninfo = self._server.conninfo("postgres")

    def start(self) -> None:
        self._running.enter_context(self._server.running())

    def stop(self) -> None:
        self._running.close()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextmanager
def new_server(**more: str) -> Iterator[Server]:
    """Run a server of a test's own, with more settings than all have."""
    options = OPTIONS | more
    server = Container(options) if os.environ[KIND] == "container" else Embedded(options)
    try:
        yield server
    finally:
        server.remove()
