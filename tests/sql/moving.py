"""A book that moves between two servers by the commands of docs/moving.md."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from repositories.postgres.statements import ROOT
from repositories.schema import roles
from repositories.schema.databases import DATABASES, embedded_name
from tests.harness.processes import until
from tests.harness.programs import run
from tests.harness.servers import Container, Embedded, Server, migrated_databases
from tests.sql.probes import Connection

PAGE = Path("docs/moving.md")
_FENCE = re.compile(r"^```sh (\w+)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
BLOCKS = {name: (commands, output) for name, commands, output in _FENCE.findall(PAGE.read_text(encoding="utf-8"))}
"""Commands of the page and, if it shows one, their output."""
OPTIONS = {"max_connections": "60"}
SOURCE_OPTIONS = OPTIONS | {"wal_level": "logical", "max_prepared_transactions": "1"}
PASSWORD = "moving"
LOGINS = f"""
    CREATE ROLE folio_service LOGIN PASSWORD '{PASSWORD}' IN ROLE folio_app;
    CREATE ROLE judge LOGIN SUPERUSER PASSWORD '{PASSWORD}';
"""


@dataclass
class Move:
    """A book on one server, and another server to which it moves."""

    source: Server
    target: Server
    folder: Path
    """The folder with a copy of sql/."""

    async def open(self) -> None:
        """Create the book, an empty pair of databases on the target, and the logins on both servers."""
        shutil.copytree(ROOT, self.folder / "sql")
        for database, conninfo in (await migrated_databases(self.source.conninfo)).items():
            await roles.grant(conninfo, database)
        self.page("roles")
        for server in (self.source, self.target):
            with psycopg.connect(server.conninfo, autocommit=True) as administrator:
                administrator.execute(LOGINS)

    def edit(self, step: str, old: str, new: str) -> None:
        """Change the file of a step."""
        file = self.folder / "sql/both/move" / f"{step}.sql"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def page(self, name: str) -> str:
        """Run a block of the page and return its output, which must be that of the page except for its figures."""
        commands, expected = BLOCKS[name]
        done = self.shell(commands)
        assert done.returncode == 0, done.stdout
        if expected:
            assert re.sub(r"\d+", "0", done.stdout) == re.sub(r"\d+", "0", expected)
        return done.stdout

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script that knows the page's function `move`; its output and errors are one text."""
        servers = {"SOURCE": self.source, "TARGET": self.target}
        exports = [f"export {name}='{_without_database(server.conninfo)}'" for name, server in servers.items()]
        lines = ["set -eo pipefail; exec 2>&1", *exports, BLOCKS["tools"][0], script]
        return run(["bash"], "\n".join(lines), "", self.folder)

    def run(self, server: str, step: str) -> str:
        """Run a step in the main database of SOURCE or TARGET; return its output."""
        done = self._step(server, step)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def refused(self, server: str, step: str, reason: str) -> None:
        """Assert that a step fails in the main database, with this reason."""
        done = self._step(server, step)
        assert (done.returncode, reason in done.stdout) == (3, True), done.stdout

    def _step(self, server: str, step: str) -> subprocess.CompletedProcess[str]:
        return self.shell(f'move "${server}" folio_main {step}')

    def copy(self) -> None:
        """Copy the book; return when the target follows."""
        self.page("copy")
        until(lambda: not self.page("copying"))
        self.page("analyze")

    def urls(self, user: str, *servers: Server) -> dict[str, str]:
        """Return a URL of each database with these servers: a client takes the first that is not read-only."""
        parts = [conninfo_to_dict(server.conninfo) for server in servers]
        address = {name: ",".join(str(part.get(name, 5432)) for part in parts) for name in ("host", "port")}
        login = {"user": user, "password": PASSWORD, "target_session_attrs": "read-write"}
        return {name: make_conninfo("", **address, **login, dbname=embedded_name(name)) for name in DATABASES}

    def settings(self, *servers: Server) -> dict[str, str]:
        """Return the settings of a service on these servers, with the privileges of folio_app."""
        return {f"FOLIO_{name.upper()}_DATABASE_URL": url for name, url in self.urls("folio_service", *servers).items()}

    @contextmanager
    def administrator(self, server: Server, *, autocommit: bool = True) -> Iterator[Connection]:
        """Connect to the main database as the page does: to write although it is frozen."""
        url = make_conninfo(server.conninfo, dbname=embedded_name("main"))
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(url, autocommit=autocommit, options=options) as connection:
            yield connection


def _without_database(conninfo: str) -> str:
    return make_conninfo("", **{key: value for key, value in conninfo_to_dict(conninfo).items() if key != "dbname"})


@asynccontextmanager
async def opened(source: type[Container | Embedded], folder: Path) -> AsyncIterator[Move]:
    """Run a source of a kind, with a book, and an embedded server as its target."""
    with ExitStack() as stack:
        servers: list[Container | Embedded] = []
        for kind, options in ((source, SOURCE_OPTIONS), (Embedded, OPTIONS)):
            servers.append(await asyncio.to_thread(cast("type[Embedded]", kind), options))
            stack.callback(servers[-1].remove)
        move = Move(servers[0], servers[1], folder)
        await move.open()
        yield move
