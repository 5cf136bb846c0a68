"""Servers that a test stops and starts: containers if the test run uses a container, else embedded servers.

A standby is an embedded server that was copied from another one.
"""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from repositories.embedded import EmbeddedServer, home
from repositories.schema import databases, migrations
from tests.harness.memory import folder_in_memory
from tests.harness.postgres import KIND, OPTIONS, new_container
from tests.harness.processes import free_port, until
from tests.harness.programs import PROGRAMS


class Server(Protocol):
    """A PostgreSQL with one empty database and a fixed address."""

    conninfo: str

    def start(self) -> None:
        """Start the server on its data, and return when it answers."""

    def stop(self) -> None:
        """Stop the server and end its connections."""

    def kill(self) -> None:
        """Kill the server with SIGKILL, so that its next start recovers."""


class Container:
    """A server in a container."""

    def __init__(self, options: Mapping[str, str] = OPTIONS, tmpfs: Mapping[str, str] = {}) -> None:
        port = free_port()
        self._container = new_container(options).with_bind_ports(5432, port)
        for folder, size in tmpfs.items():
            self._container.with_tmpfs_mount(folder, size)
        self._container.start()
        self.conninfo = f"host=127.0.0.1 port={port} user=test password=test dbname=test"

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        until(self._answers)

    def stop(self) -> None:
        # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait until every client disconnects.
        self._signal("SIGINT")

    def kill(self) -> None:
        self._signal("SIGKILL")

    def run(self, *command: str) -> None:
        """Run a command in the container as root, and ignore its exit status."""
        self._container.get_wrapped_container().exec_run(list(command), user="root")

    def remove(self) -> None:
        self._container.stop()

    def _signal(self, name: str) -> None:
        self._container.get_wrapped_container().kill(name)
        self._container.get_wrapped_container().wait()

    def _answers(self) -> bool:
        return answers(self.conninfo)


class Embedded:
    """An embedded server in a temporary folder; if `primary` is given, a standby that follows it."""

    def __init__(self, options: Mapping[str, str] = OPTIONS, *, primary: "Embedded | None" = None) -> None:
        self._storage = ExitStack()
        self._folder = self._storage.enter_context(folder_in_memory("folio-server-"))
        self._server = EmbeddedServer(self._folder, postgres_options=options)
        if primary is not None:
            self._copy(primary)
        self._running = ExitStack()
        self.start()
        self.conninfo = self._server.conninfo("postgres")

    def start(self) -> None:
        self._running.enter_context(self._server.running())

    def stop(self) -> None:
        self._running.close()

    def kill(self) -> None:
        psutil.Process(int((self.cluster / "postmaster.pid").read_text().split()[0])).kill()
        # Stop the supervisor too, because it would restart the server.
        self._running.close()

    def _copy(self, primary: "Embedded") -> None:
        place, account = home.ensure(self._folder, print)
        shutil.copy(primary.cluster.parent / "password", place.password)
        place.claim(place.password)
        place.cluster.mkdir(0o700)
        account.give(place.cluster)
        command = [f"{PROGRAMS}/pg_basebackup", f"--dbname={primary.conninfo}", f"--pgdata={place.cluster}"]
        command += ["--checkpoint=fast", "--write-recovery-conf"]
        done = subprocess.run(command, **account.process_options, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    @property
    def cluster(self) -> Path:
        """PostgreSQL's data directory."""
        return self._folder / "postgresql" / "cluster"

    def remove(self) -> None:
        self.stop()
        self._storage.close()


def answers(conninfo: str) -> bool:
    """Return True if a client can connect."""
    try:
        psycopg.connect(conninfo, connect_timeout=10).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def new_server(options: Mapping[str, str] = OPTIONS) -> Iterator[Server]:
    """Run a server for one test."""
    server = Container(options) if os.environ[KIND] == "container" else Embedded(options)
    try:
        yield server
    finally:
        server.remove()


async def migrated_databases(conninfo: str) -> dict[str, str]:
    """Create both databases on an empty server and migrate them; return their connection strings."""
    await databases.create_databases(conninfo)
    conninfos = {name: make_conninfo(conninfo, dbname=databases.embedded_name(name)) for name in databases.DATABASES}
    for name, database in conninfos.items():
        await migrations.migrate(database, name, lambda _: None)
    return conninfos


@asynccontextmanager
async def hanging_commits(conninfo: str) -> AsyncIterator[psycopg.AsyncConnection[tuple[int]]]:
    """Let every COMMIT wait for a standby that does not exist; yield an administrator's connection."""
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as administrator:
        await administrator.execute("ALTER SYSTEM SET synchronous_standby_names TO 'nobody'")
        await administrator.execute("SELECT pg_reload_conf()")
        try:
            yield administrator
        finally:
            await administrator.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await administrator.execute("SELECT pg_reload_conf()")
