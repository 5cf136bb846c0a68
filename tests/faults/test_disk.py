"""A disk that is full: of tables, which PostgreSQL says, and of write-ahead log, which ends it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg

from tests.faults.conftest import OPTIONS
from tests.faults.databases import create_databases
from tests.faults.disks import TABLESPACE, log_on_a_small_disk, tables_on_a_small_disk
from tests.harness.processes import until
from tests.harness.servers import answers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.faults.trial import Trial

    Trials = Callable[..., Trial]


async def test_a_disk_full_of_tables(trial: Trials) -> None:
    """Writes are refused as soon as a table or an index must grow; reads go on, and so do writes that need no room."""
    with tables_on_a_small_disk(OPTIONS) as (server, disk):

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(disk.fill)
            yield
            await asyncio.to_thread(disk.free)

        tried = trial(create_databases(server.conninfo, TABLESPACE))
        found = await tried.endures("disk full, tables cannot grow", full(), lasts=6)
    found.hold("disk_full")
    assert "read" not in found.refused["disk_full"]


async def test_a_disk_full_of_write_ahead_log(trial: Trials) -> None:
    """PostgreSQL panics and cannot start until there is room; what was acknowledged is there when it does."""
    with log_on_a_small_disk(OPTIONS) as (server, disk):

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(disk.fill)
            await asyncio.to_thread(until, ends)
            yield
            await asyncio.to_thread(disk.free)
            await asyncio.to_thread(until, lambda: answers(server.conninfo))

        def ends() -> bool:
            """Begin another segment of the log, for which there is no room in the end."""
            try:
                with psycopg.connect(server.conninfo, autocommit=True) as administrator:
                    administrator.execute("SELECT pg_switch_wal()")
            except psycopg.OperationalError:
                return True
            return False

        found = await trial(create_databases(server.conninfo)).endures("disk full, no log", full(), lasts=5)
    found.hold("database_unavailable", "outcome_unknown", "pool_exhausted", "disk_full")
