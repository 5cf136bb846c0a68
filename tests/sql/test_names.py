"""PostgreSQL's views of running and past statements show each statement's name, which leads to its file."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from repositories.postgres import connections
from repositories.postgres.statements import Connection, Statement
from repositories.schema import migrations
from repositories.schema.databases import DATABASES
from tests.harness import templates
from tests.harness.launcher import PATIENCE
from tests.harness.postgres import OPTIONS
from tests.harness.servers import new_server
from tests.harness.world import World
from tests.sql.arguments import arguments
from tests.sql.conftest import furnish
from tests.sql.probes import FILES


@pytest.fixture
def counting() -> Iterator[dict[str, str]]:
    """Both databases on a separate server with pg_stat_statements."""
    with psycopg.connect(templates.conninfo("postgres")) as session:
        if not session.execute("SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements'").rowcount:
            pytest.skip("this PostgreSQL comes without the extension pg_stat_statements")
    with new_server(OPTIONS | {"shared_preload_libraries": "pg_stat_statements"}) as server:
        conninfos = {database: make_conninfo(server.conninfo, dbname=database) for database in DATABASES}
        with psycopg.connect(server.conninfo, autocommit=True) as session:
            session.execute("CREATE EXTENSION pg_stat_statements")
            for database, conninfo in conninfos.items():
                session.execute(f"CREATE DATABASE {database} TEMPLATE template0".encode())
                asyncio.run(migrations.migrate(conninfo, database, lambda _: None))
        furnish(conninfos)
        yield conninfos | {"server": server.conninfo}


@pytest.mark.parametrize("prepare_threshold", [None, 0])
async def test_a_running_statement_is_named_in_pg_stat_activity(
    prepare_threshold: int | None, databases: dict[str, str], world: World
) -> None:
    """A backend that waits in a statement shows the file's name, whether psycopg prepares the statement or not."""
    ada = await world.person("ada")
    async with (
        connections.connect(databases["main"], purpose="test", budgets={}) as running,
        connections.connect(databases["main"], purpose="test", budgets={}) as rival,
    ):
        running.prepare_threshold = prepare_threshold
        async with rival.transaction():
            await rival.execute("SELECT FROM users FOR UPDATE")
            waiting = asyncio.create_task(Statement("main/users/lock").run(running, id=ada.id))
            pid = running.info.backend_pid
            async with asyncio.timeout(PATIENCE):
                while not await world.value("SELECT cardinality(pg_blocking_pids(%s))", pid):  # noqa: ASYNC110 - PostgreSQL has no event for it
                    await asyncio.sleep(0.01)
            seen = await world.connection.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", (pid,))
            [(query,)] = await seen.fetchall()
        await waiting
    assert query.startswith("SELECT /* main/users/lock */")


async def test_every_statement_is_named_in_pg_stat_statements(counting: dict[str, str]) -> None:
    """Each file's statement is counted once, under a text that contains the file's name."""
    for database, folders in {"main": ("main/", "both/"), "catalog": ("catalog/",)}.items():
        async with connections.connect(counting[database], purpose="test") as session:
            for name in FILES:
                if name.startswith(folders):
                    await _run(session, Statement(name))
    with psycopg.connect(counting["server"]) as session:
        counted = session.execute("SELECT DISTINCT query FROM pg_stat_statements WHERE calls > 0").fetchall()
    assert {name: sum(f"/* {name} */" in text for (text,) in counted) for name in FILES} == dict.fromkeys(FILES, 1)


async def _run(session: Connection, statement: Statement) -> None:
    given = arguments(statement.name, statement.parameters)
    if "/database/" in statement.name:  # refused in a transaction
        await statement.run(session, **given)
    else:
        async with session.transaction(force_rollback=True):
            await statement.run(session, **given)
