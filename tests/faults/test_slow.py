"""A slow database: a slow statement, and a row that another session locks."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.faults.trial import NewTrial


# Each insert of a hold exceeds statement_timeout.
SLOW_TRIGGER = """
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(30); RETURN NEW; END';
CREATE TRIGGER holds_dawdle BEFORE INSERT ON holds FOR EACH ROW EXECUTE FUNCTION dawdle();
"""
# DROP TRIGGER would wait for the slow statements, and block all later ones.
FAST_TRIGGER = "CREATE OR REPLACE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"


async def test_a_statement_that_is_slow(databases: dict[str, str], new_trial: NewTrial) -> None:
    """A slow statement is cancelled after 5 s and its request answered 503; no other request waits."""

    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(databases["main"], autocommit=True) as administrator:
            await administrator.execute(SLOW_TRIGGER)
            yield
            await administrator.execute(FAST_TRIGGER)

    figures = await new_trial(databases).run("slow statement", slow(), seconds=9)
    figures.check("statement_timeout")
    assert figures.refused["statement_timeout"].keys() == {"hold"}


async def test_a_row_that_is_locked_for_long(databases: dict[str, str], new_trial: NewTrial) -> None:
    """A request that needs the row is answered 503 after 2 s; no other request waits."""
    trial = new_trial(databases)

    @asynccontextmanager
    async def locked() -> AsyncIterator[None]:
        async with await psycopg.AsyncConnection.connect(databases["main"]) as rival:
            await rival.execute("SELECT FROM accounts WHERE id = %s FOR UPDATE", [trial.load.accounts["hold"][0]])
            yield

    figures = await trial.run("row locked", locked(), seconds=7)
    figures.check("lock_timeout")
    assert figures.refused["lock_timeout"].keys() <= {"hold", "capture"}
