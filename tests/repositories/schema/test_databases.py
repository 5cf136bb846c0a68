"""The databases of the embedded server: created if they are missing, also by several commands at once."""

import asyncio

import psycopg

from repositories.schema.databases import DATABASES, create_databases, embedded_name
from tests.harness.servers import new_server


async def test_commands_that_start_at_once_create_both_databases() -> None:
    """Four at once all succeed, and so does a later one, which creates nothing."""
    with new_server() as server:
        await asyncio.gather(*(create_databases(server.conninfo) for _ in range(4)))
        await create_databases(server.conninfo)
        with psycopg.connect(server.conninfo) as connection:
            rows = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'folio%'").fetchall()
    assert {name for (name,) in rows} == {embedded_name(database) for database in DATABASES}
