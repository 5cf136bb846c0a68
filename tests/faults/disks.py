"""Servers with their tables, or their write-ahead log, on a small disk that a test can fill."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest
from psycopg import sql

from tests.harness.postgres import KIND
from tests.harness.servers import Container, Embedded, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DISK_SIZE = "128m"
"""Both databases take 20 MB; a new write-ahead log takes 16 MB and grows to 80 MB before it is recycled."""
TABLESPACE = "small"
SMALL = "/small"


class Disk(Protocol):
    """A small disk."""

    def fill(self) -> None:
        """Fill the disk to its last page."""

    def free(self) -> None:
        """Free the disk again."""


class ContainerDisk:
    """A disk in memory, inside a container."""

    def __init__(self, server: Container) -> None:
        self._server = server

    def fill(self) -> None:
        self._server.run("dd", "if=/dev/zero", f"of={SMALL}/ballast", "bs=4k")

    def free(self) -> None:
        self._server.run("rm", f"{SMALL}/ballast")


class MountedDisk:
    """A disk in memory, mounted on this machine."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with suppress(OSError), self._ballast.open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass

    def free(self) -> None:
        self._ballast.unlink()


@contextmanager
def tables_on_a_small_disk(options: Mapping[str, str]) -> Iterator[tuple[Server, Disk]]:
    """Run a server with the tablespace `small` on a small disk."""
    if os.environ[KIND] == "container":
        container = Container(options, tmpfs={SMALL: f"size={DISK_SIZE}"})
        try:
            container.run("mkdir", f"{SMALL}/tables")
            container.run("chown", "postgres:postgres", f"{SMALL}/tables")
            _create_tablespace(container, f"{SMALL}/tables")
            yield container, ContainerDisk(container)
        finally:
            container.remove()
        return
    with _mounted() as folder, _embedded(options) as embedded:
        tables = folder / "tables"
        tables.mkdir()
        shutil.chown(tables, *_owner(embedded))
        _create_tablespace(embedded, str(tables))
        yield embedded, MountedDisk(folder)


@contextmanager
def log_on_a_small_disk(options: Mapping[str, str]) -> Iterator[tuple[Server, Disk]]:
    """Run an embedded server with its write-ahead log on a small disk, which survives the server's end."""
    with _mounted() as folder, _embedded(options) as embedded:
        embedded.stop()
        log = embedded.cluster / "pg_wal"
        shutil.copytree(log, folder / "log")
        for path in (folder / "log", *(folder / "log").rglob("*")):
            shutil.chown(path, *_owner(embedded))
        (folder / "log").chmod(0o700)
        shutil.rmtree(log)
        log.symlink_to(folder / "log")
        embedded.start()
        yield embedded, MountedDisk(folder)


@contextmanager
def _embedded(options: Mapping[str, str]) -> Iterator[Embedded]:
    server = Embedded(options)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def _mounted() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="folio-disk-"))
    folder.chmod(0o755)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE}", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if mount.returncode:
            pytest.skip(f"cannot mount a small disk here: {mount.stderr.strip()}")
        yield folder
    finally:
        if not mount.returncode:
            subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def _owner(server: Embedded) -> tuple[int, int]:
    owner = server.cluster.stat()
    return owner.st_uid, owner.st_gid


def _create_tablespace(server: Server, folder: str) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        statement = sql.SQL("CREATE TABLESPACE {} LOCATION {}")
        connection.execute(statement.format(sql.Identifier(TABLESPACE), sql.Literal(folder)))
