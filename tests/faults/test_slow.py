"""A database that answers, but late: a slow statement, and a row that somebody else keeps locked."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.faults.trial import Trial

    Trials = Callable[..., Trial]

# Each hold takes longer than any statement may.
SLOW = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END';
CREATE TRIGGER holds_dawdle BEFORE INSERT ON holds FOR EACH ROW EXECUTE FUNCTION dawdle();
"""
# To drop the trigger would wait for those who are in it, and everybody else behind it.
FAST = "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"


async def test_a_statement_that_is_slow(databases: dict[str, str], trial: Trials) -> None:
    """It is ended after 5 s, and who asked is told so; nobody else is kept waiting."""

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(databases["main"], autocommit=True) as administrator:
            await administrator.execute(SLOW)
            yield
            await administrator.execute(FAST)

    found = await trial(databases).endures("slow statement", slow(), lasts=9)
    found.hold("statement_timeout")
    assert found.refused["statement_timeout"].keys() == {"hold"}


async def test_a_row_that_is_locked_for_long(databases: dict[str, str], trial: Trials) -> None:
    """Who pays from it is told so after 2 s; nobody else is kept waiting."""
    tried = trial(databases)

    @asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(databases["main"]) as other:
            await other.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [tried.load.accounts["hold"][0]])
            yield

    found = await tried.endures("row locked", locked(), lasts=7)
    found.hold("lock_timeout")
    assert found.refused["lock_timeout"].keys() <= {"hold", "capture"}
