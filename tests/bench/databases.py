"""The PostgreSQL of a run: embedded, with default durability, and with the data of tests/bench/sql."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from repositories.embedded import EmbeddedServer, home
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from tests.plans import filling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OPTIONS = {"max_connections": "300"}
"""All contestants keep their connections during the run; everything else is PostgreSQL's default."""
FILES = Path(__file__).with_name("sql")


@dataclass(frozen=True)
class Server:
    """A running server."""

    data_dir: Path

    @property
    def pid(self) -> int:
        return int((home.find(self.data_dir).cluster / "postmaster.pid").read_text().split()[0])

    def conninfo(self, database: str) -> str:
        return home.find(self.data_dir).conninfo(database)

    def url(self, database: str) -> str:
        """Return the address of a database as a URL, for SQLAlchemy."""
        parts = conninfo_to_dict(self.conninfo(database))
        socket = urlencode({"host": parts["host"], "port": parts["port"]})
        return f"postgresql://{parts['user']}:{parts['password']}@/{database}?{socket}"


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run a server with a data folder until the context ends."""
    with EmbeddedServer(folder, postgres_options=OPTIONS).running():
        yield Server(folder)


@contextmanager
def storage() -> Iterator[Path]:
    """Yield a temporary folder on a disk, because in memory a commit would cost nothing."""
    with tempfile.TemporaryDirectory(prefix="folio-bench-", dir="/var/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # for PostgreSQL's user, if root runs this
        yield folder


def fill(server: Server) -> None:
    """Create and fill Folio's two databases and the tutorial's."""
    for database in DATABASES:
        _create(server, f"folio_{database}", database)
        run_file(server.conninfo(f"folio_{database}"), database)
    _create(server, "tutorial")
    run_file(server.conninfo("tutorial"), "tutorial")
    _execute(server.conninfo("postgres"), "CHECKPOINT")


def create_large(server: Server) -> None:
    """Create databases for the data of `make plans`: 1,000,000 accounts, 5,000,000 entries."""
    for database in DATABASES:
        _create(server, f"large_{database}", database)


def fill_large(server: Server, on_step: Callable[[], None]) -> None:
    """Create and fill them, for Folio on large data; takes minutes."""
    create_large(server)
    for database in DATABASES:  # both: Folio refuses a pair of databases that do not match
        filling.fill(server.conninfo(f"large_{database}"), database, on_step)
    run_file(server.conninfo("large_main"), "large")
    _execute(server.conninfo("large_main"), "VACUUM ANALYZE accounts")
    _execute(server.conninfo("postgres"), "CHECKPOINT")


def run_file(conninfo: str, name: str) -> None:
    """Run a script of tests/bench/sql."""
    _execute(conninfo, (FILES / f"{name}.sql").read_text())


def rows(conninfo: str, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with psycopg.connect(conninfo) as connection:
        return connection.execute(query.encode()).fetchall()


def _create(server: Server, name: str, migrated_as: str | None = None) -> None:
    create = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    _execute(server.conninfo("postgres"), create)
    if migrated_as:
        asyncio.run(migrations.migrate(server.conninfo(name), migrated_as, lambda _: None))


def _execute(conninfo: str, script: str | sql.Composed) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(script)
