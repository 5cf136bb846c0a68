"""Folio behind PgBouncer: session mode keeps every promise, transaction mode is refused in a sentence."""

import asyncio
import json
from contextlib import nullcontext
from typing import Any

import pytest

from repositories.postgres import connections, poolers
from repositories.postgres.poolers import Pooler
from tests.faults.databases import settings_of
from tests.faults.trial import Trial
from tests.harness.poolers import pgbouncer
from tests.harness.processes import command, printed

LOAD_SECONDS = 5.0


async def test_each_pooler_is_recognized(served: dict[str, str]) -> None:
    """By the server process that two clients meet, also while other clients keep the pooler busy."""
    assert await poolers.find(served["main"], purpose="test") is Pooler.NONE
    for mode, pooler in {"session": Pooler.SESSION, "transaction": Pooler.TRANSACTION}.items():
        with pgbouncer(served, mode) as through:
            found = [await poolers.find(through["main"], purpose="test") for _ in range(3)]
            assert found == [pooler] * 3


async def test_budgets_are_in_force_in_session_mode(served: dict[str, str]) -> None:
    """A session has them from its configuration on; a setting that another hand changed is found."""
    with pgbouncer(served, "session") as through:
        async with connections.connect(through["main"], purpose="test") as connection:
            assert await poolers.lost_budgets(connection) == []
            await connection.execute("SET lock_timeout TO '7s'")
            assert await poolers.lost_budgets(connection) == ["lock_timeout 7s"]


async def test_session_mode_keeps_every_promise_about_money(databases: dict[str, str], record_property: Any) -> None:
    """Under the load of the faults nothing is refused, lost or doubled, and the audit is clean."""
    with pgbouncer(databases, "session") as through:
        trial = Trial(record_property, databases, through)
        figures = await trial.run("behind PgBouncer in session mode", nullcontext(), seconds=LOAD_SECONDS)
        assert (figures.violations, figures.refused) == ([], {})
        settings = settings_of(through)
        for _ in range(2):
            assert "applied" not in (await asyncio.to_thread(command, "migrate", settings=settings)).stdout
        findings = json.loads((await asyncio.to_thread(command, "doctor", "--json", settings=settings)).stdout)
    lines = {(line["check"], line["is"]) for line in findings["findings"] if line["check"] in {"pooler", "budgets"}}
    assert lines == {("pooler", "a pooler in session mode"), ("budgets", "in force")}


@pytest.mark.parametrize("arguments", [("serve", "--port", "1"), ("migrate",), ("audit",), ("operator", "add", "root")])
def test_transaction_mode_is_refused_in_a_sentence(arguments: tuple[str, ...], databases: dict[str, str]) -> None:
    """No command tracks back, and none leaves a lock behind."""
    with pgbouncer(databases, "transaction") as through:
        done = command(*arguments, settings=settings_of(through))
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert "pool_mode = session" in " ".join(done.stderr.split())


def test_the_doctor_sees_transaction_mode(databases: dict[str, str]) -> None:
    """It fails `pooler`, and says that it could check nothing else."""
    with pgbouncer(databases, "transaction") as through:
        done = command("doctor", "--json", settings=settings_of(through))
    findings = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert {line["status"] for line in findings if line["check"] == "pooler"} == {"failed"}
    assert {line["status"] for line in findings if line["check"] == "migrations"} == {"unknown"}
    assert printed(command("migrate", "--json", settings=settings_of(databases)))["migrations"] == {
        "main": [],
        "catalog": [],
    }
