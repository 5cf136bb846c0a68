"""Starts the PostgreSQL server of a test run: a container, the embedded server, or any server by URL.

The process that runs pytest starts it once and creates the templates; xdist workers do not import this module.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import docker
import docker.errors
import psycopg
from psycopg.conninfo import make_conninfo
from testcontainers.community.postgres import PostgresContainer

from repositories.embedded import EmbeddedServer
from tests.harness import templates
from tests.harness.memory import MEMORY_BYTES, folder_in_memory

# Test data is discarded, so commits need no disk and the server no standby.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "300",
}
KIND = "FOLIO_TEST_KIND"
"""Environment variable, container or embedded: the kind of server that a test starts for itself."""


class DockerUnavailable(Exception):
    """No Docker Engine answers, or it cannot run the image."""


def image() -> str:
    """Return the name of the image, by FOLIO_TEST_IMAGE."""
    return os.environ.get("FOLIO_TEST_IMAGE", "postgres:18-alpine")


def new_container(options: Mapping[str, str] = OPTIONS) -> PostgresContainer:
    """Return a container of PostgreSQL that is not started."""
    settings = " ".join(f"-c {name}={value}" for name, value in options.items())
    container = PostgresContainer(image(), driver=None).with_command(f"postgres {settings}")
    # To check a password on each connection would slow the tests down; the container listens on this machine only.
    return container.with_env("POSTGRES_HOST_AUTH_METHOD", "trust")


@contextmanager
def container(options: Mapping[str, str] = OPTIONS) -> Iterator[str]:
    """Run PostgreSQL in a container with its data in memory. Raises DockerUnavailable."""
    try:
        client = docker.from_env(timeout=10)
        client.ping()
        client.close()
    except docker.errors.DockerException as error:
        raise DockerUnavailable("no Docker Engine answers") from error
    # In memory, a database is copied ten times as fast as on a disk.
    server = new_container(options).with_env("PGDATA", "/memory/data").with_tmpfs_mount("/memory")
    try:
        server.start()
    except Exception as error:
        raise DockerUnavailable(f"the image {image()} cannot be run: {error}") from error
    try:
        yield _direct_conninfo(server) or server.get_connection_url(driver=None)
    finally:
        server.stop()


def _direct_conninfo(server: PostgresContainer) -> str | None:
    """Return a connection string that bypasses the Docker Engine's proxy, or None if the address is unreachable.

    The proxy uses more CPU than PostgreSQL.
    """
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
def embedded(options: Mapping[str, str] = OPTIONS, min_bytes: int = MEMORY_BYTES) -> Iterator[str]:
    """Run the embedded server in a temporary folder, in memory if there is space."""
    with folder_in_memory("folio-tests-", min_bytes) as folder:
        server = EmbeddedServer(folder, postgres_options=options)
        with server.running():
            yield server.conninfo("postgres")


def start(stack: ExitStack, options: Mapping[str, str] = OPTIONS, min_bytes: int = MEMORY_BYTES) -> str:
    """Start the server of FOLIO_TEST_POSTGRES, create the templates, and return a description of the server."""
    server_kind = os.environ.get("FOLIO_TEST_POSTGRES", "")
    if server_kind in {"", "container"}:
        try:
            admin = stack.enter_context(container(options))
        except DockerUnavailable as error:
            if server_kind == "container":
                raise
            print(f"WARNING: {error}: testing against the embedded PostgreSQL", file=sys.stderr)  # noqa: T201
            server_kind = "embedded"
        else:
            server_kind = f"container {image()}"
    if server_kind == "embedded":
        admin = stack.enter_context(embedded(options, min_bytes))
    elif not server_kind.startswith("container"):
        admin, server_kind = server_kind, "the server of FOLIO_TEST_POSTGRES"
    os.environ[KIND] = "container" if server_kind.startswith("container") else "embedded"
    templates.create(admin)
    stack.callback(templates.drop_all)
    login = "folio_app" if templates.has_roles() else "the administrator, because only a superuser can create roles"
    return f"{server_kind}, server {templates.server_version()}, served as {login}"
