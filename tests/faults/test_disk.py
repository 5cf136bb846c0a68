"""A full disk: of tables, which PostgreSQL reports, or of write-ahead log, which makes it panic."""

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
    from collections.abc import AsyncIterator

    from tests.faults.trial import NewTrial


async def test_a_disk_full_of_tables(new_trial: NewTrial) -> None:
    """Writes are refused if a table or an index must grow; reads and other writes succeed."""
    with tables_on_a_small_disk(OPTIONS) as (server, disk):

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(disk.fill)
            yield
            await asyncio.to_thread(disk.free)

        trial = new_trial(create_databases(server.conninfo, TABLESPACE))
        figures = await trial.run("disk full, tables cannot grow", full(), seconds=6)
    figures.check("disk_full")
    assert "read" not in figures.refused["disk_full"]


async def test_a_disk_full_of_write_ahead_log(new_trial: NewTrial) -> None:
    """PostgreSQL panics and cannot start until there is space; then every acknowledged write is there."""
    with log_on_a_small_disk(OPTIONS) as (server, disk):

        @asynccontextmanager
        async def full() -> AsyncIterator[None]:
            await asyncio.to_thread(disk.fill)
            await asyncio.to_thread(until, has_panicked)
            yield
            await asyncio.to_thread(disk.free)
            await asyncio.to_thread(until, lambda: answers(server.conninfo))

        def has_panicked() -> bool:
            """Start another segment of the log, until there is no space for one."""
            try:
                with psycopg.connect(server.conninfo, autocommit=True) as administrator:
                    administrator.execute("SELECT pg_switch_wal()")
            except psycopg.OperationalError:
                return True
            return False

        figures = await new_trial(create_databases(server.conninfo)).run("disk full, no log", full(), seconds=5)
    figures.check("database_unavailable", "outcome_unknown", "pool_exhausted", "disk_full")
