"""The PostgreSQL that the tests run against: a container, the embedded one, or any server by URL.

The process that pytest was started in starts it once and makes the templates on it; no worker needs this.
"""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import docker
import docker.errors
import psycopg
from psycopg.conninfo import make_conninfo
from testcontainers.community.postgres import PostgresContainer

from repositories.embedded import EmbeddedServer
from tests.harness import templates
from tests.harness.memory import ROOM, memory

# Nothing of a test outlives it: its commits need no disk, its databases no standby, and all of it fits into memory.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
}
KIND = "FOLIO_TEST_KIND"
"""Environment variable: container or embedded, what a test starts that needs servers of its own."""


class NoDocker(Exception):
    """No Docker Engine answers, or it cannot run the image."""


def image() -> str:
    """Return the name of the image that FOLIO_TEST_IMAGE asks for."""
    return os.environ.get("FOLIO_TEST_IMAGE", "postgres:18-alpine")


def new_container(options: Mapping[str, str] = OPTIONS) -> PostgresContainer:
    """Describe a container of PostgreSQL, not started."""
    settings = " ".join(f"-c {name}={value}" for name, value in options.items())
    described = PostgresContainer(image(), driver=None).with_command(f"postgres {settings}")
    # A container of a few minutes, on this machine: to prove a password on each connection is CPU that tests wait for.
    return described.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")


@contextmanager
def container(options: Mapping[str, str] = OPTIONS) -> Iterator[str]:
    """Run PostgreSQL in a container, in memory; NoDocker where that cannot be."""
    try:
        client = docker.from_env(timeout=10)
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        raise NoDocker("no Docker Engine answers") from error
    # A database is copied ten times as fast there as into fresh blocks of a disk.
    server = new_container(options).with_env("PGDATA", "/memory/data").with_tmpfs_mount("/memory")
    try:
        server.start()
    except Exception as error:
        raise NoDocker(f"{image()} cannot be run: {error}") from error
    try:
        yield _direct(server) or server.get_connection_url(driver=None)
    finally:
        server.stop()


def _direct(server: PostgresContainer) -> str | None:
    """Return how to connect past the Docker Engine's proxy, which costs more CPU than PostgreSQL, if that can be."""
    container = server.get_wrapped_container()
    container.reload()
    addresses = [network["IPAddress"] for network in container.attrs["NetworkSettings"]["Networks"].values()]
    for address in filter(None, addresses):
        direct = make_conninfo(server.get_connection_url(driver=None), host=address, port=5432)
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(direct, connect_timeout=5).close()
            return direct
    return None


@contextmanager
def embedded(options: Mapping[str, str] = OPTIONS, room: int = ROOM) -> Iterator[str]:
    """Run the embedded PostgreSQL in a folder of its own, in memory where there is room."""
    folder = Path(tempfile.mkdtemp(prefix="folio-tests-", dir=memory(room)))
    # As root, PostgreSQL runs as an unprivileged user, who may look for its folder here.
    folder.chmod(0o755)
    server = EmbeddedServer(folder, postgres_options=options)
    try:
        with server.running():
            yield server.conninfo("postgres")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def start(stack: ExitStack, options: Mapping[str, str] = OPTIONS, room: int = ROOM) -> str:
    """Start the server that FOLIO_TEST_POSTGRES asks for and return what it is; `room` is what it needs of memory."""
    wanted = os.environ.get("FOLIO_TEST_POSTGRES", "")
    if wanted in {"", "container"}:
        try:
            admin = stack.enter_context(container(options))
        except NoDocker as reason:
            if wanted == "container":
                raise
            print(f"WARNING: {reason}: testing against the embedded PostgreSQL", file=sys.stderr)  # noqa: T201
            wanted = "embedded"
        else:
            wanted = f"container {image()}"
    if wanted == "embedded":
        admin = stack.enter_context(embedded(options, room))
    elif not wanted.startswith("container"):
        admin, wanted = wanted, "the server of FOLIO_TEST_POSTGRES"
    os.environ[KIND] = "container" if wanted.startswith("container") else "embedded"
    templates.prepare(admin)
    stack.callback(templates.drop_all)
    login = "folio_app" if templates.has_roles() else "the administrator, who is no superuser and makes no roles"
    return f"{wanted}, server {templates.server_version()}, served as {login}"
